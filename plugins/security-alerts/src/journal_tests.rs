//! Crashes at every step: each line is accounted for once.

use super::*;
use crate::alerts::Bounds;
use crate::config::Config;
use crate::finding::{Finding, Record};
use crate::{suricata, testing};
use hearthgate_plugin::events::AlertStatus;
use proptest::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;

/// A store that ends after so many writes, as a machine does.
#[derive(Debug, Clone, Default)]
struct Fragile(Rc<RefCell<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    keys: BTreeMap<String, Vec<u8>>,
    writes_left: Option<usize>,
    quota: Option<usize>,
}

impl Fragile {
    fn dies_after(&self, writes: Option<usize>) {
        self.0.borrow_mut().writes_left = writes;
    }
}

impl Inner {
    fn write(&mut self) -> Result<(), StoreError> {
        match &mut self.writes_left {
            Some(0) => Err(StoreError::Unavailable("the machine is off".to_owned())),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn size(&self) -> usize {
        self.keys
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum()
    }
}

impl Disk for Fragile {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.borrow().keys.get(key).cloned())
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let mut inner = self.0.borrow_mut();
        inner.write()?;
        let before = inner.keys.get(key).map_or(0, Vec::len);
        if let Some(quota) = inner.quota
            && inner.size() - before + value.len() > quota
        {
            return Err(StoreError::Quota(quota as u64));
        }
        inner.keys.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn delete(&mut self, key: &str) -> Result<(), StoreError> {
        let mut inner = self.0.borrow_mut();
        inner.write()?;
        inner.keys.remove(key);
        Ok(())
    }

    fn keys(&mut self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let inner = self.0.borrow();
        Ok(inner
            .keys
            .keys()
            .filter(|key| key.starts_with(prefix))
            .cloned()
            .collect())
    }
}

fn bounds() -> Bounds {
    Bounds {
        alerts: 1000,
        days: 7,
        clear_after: 86_400_000,
    }
}

/// A line of one of a few signatures.
fn line(signature: u64, second: usize) -> String {
    format!(
        r#"{{"timestamp":"2026-11-20T10:{:02}:{:02}.000000+0000","event_type":"alert","src_ip":"10.0.0.1","dest_ip":"203.0.113.1","alert":{{"gid":1,"signature_id":{signature},"signature":"s{signature}","category":"c","severity":1}}}}"#,
        second / 60 % 60,
        second % 60
    )
}

fn finding(line: &str) -> Finding {
    match suricata::read(line, Config::zone(&testing::config())) {
        Ok(Record::Finding(finding)) => *finding,
        other => panic!("{other:?}"),
    }
}

/// One life of the plugin: commits what was handed over, as the first timer does, takes lines from the cursor on, and commits
/// after batches of them, until the store ends.
fn live(
    disk: &Fragile,
    lines: &[String],
    batch: usize,
    handed: Option<Commit>,
) -> Result<Commit, StoreError> {
    let (mut journal, stored) = Journal::open(disk.clone(), handed)?;
    let mut progress = stored.progress;
    let mut book = Book::new(bounds(), stored.alerts, stored.next, stored.carried);
    journal.commit(&mut book, &progress)?;
    let start: usize = progress
        .cursors
        .get(&Feed::Suricata)
        .map_or(0, |cursor| cursor.parse().unwrap_or(0));
    for (at, lines) in lines[start..].chunks(batch).enumerate() {
        for line in lines {
            book.take(finding(line));
        }
        let done = (start + at * batch + lines.len()).to_string();
        progress.cursors.insert(Feed::Suricata, done);
        // A commit now and then is left out, as between two ticks.
        if book.is_urgent() || at % 3 == 0 {
            journal.commit(&mut book, &progress)?;
            for (alert, _) in book.take_changes() {
                book.announced(&alert.alert_id);
            }
            journal.write_pages(&mut book)?;
        }
    }
    Ok(journal.draft(&book, &progress))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn each_line_counts_once_whatever_crashes(
        signatures in prop::collection::vec(1u64..60, 1..200),
        crashes in prop::collection::vec((0usize..12, 1usize..20), 0..8),
        reloads in any::<bool>(),
    ) {
        let lines: Vec<String> = signatures.iter().enumerate().map(|(at, s)| line(*s, at)).collect();
        let disk = Fragile::default();
        let mut handed = None;
        for (writes, batch) in crashes {
            disk.dies_after(Some(writes));
            let end = live(&disk, &lines, batch, handed.take());
            // A life that ends in order hands over what it did not commit; a crash hands over nothing.
            handed = end.ok().filter(|_| reloads);
        }
        disk.dies_after(None);
        let end = live(&disk, &lines, 7, handed).expect("a store that works");
        let (committed, counted) = stored(&disk);
        prop_assert_eq!(&counted, &counts(&signatures[..committed]));
        // Nothing but updates between two ticks may be uncommitted at the end; the next life commits them first.
        prop_assert!(lines.len() - committed <= 14, "{} of {}", committed, lines.len());
        live(&disk, &lines, 7, Some(end)).expect("a store that works");
        prop_assert_eq!(stored(&disk), (lines.len(), counts(&signatures)));
    }

    #[test]
    fn a_full_store_loses_old_alerts_but_counts_no_line_twice(
        signatures in prop::collection::vec(1u64..60, 1..200),
        crashes in prop::collection::vec((0usize..40, 1usize..20), 0..8),
        quota in 10_000usize..30_000,
    ) {
        let lines: Vec<String> = signatures.iter().enumerate().map(|(at, s)| line(*s, at)).collect();
        let disk = Fragile::default();
        disk.0.borrow_mut().quota = Some(quota);
        for (writes, batch) in crashes {
            disk.dies_after(Some(writes));
            let _ = live(&disk, &lines, batch, None);
            let (committed, counted) = stored(&disk);
            let expected = counts(&signatures[..committed]);
            for (title, count) in counted {
                prop_assert!(expected.get(&title).is_some_and(|most| count <= *most), "{} of {}", count, title);
            }
        }
    }
}

/// How often each signature is among them, by its title.
fn counts(signatures: &[u64]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for signature in signatures {
        *counts.entry(format!("s{signature}")).or_default() += 1;
    }
    counts
}

/// The lines that are accounted for, and the counts of the alerts by their titles.
fn stored(disk: &Fragile) -> (usize, BTreeMap<String, u64>) {
    let (_, stored) = Journal::open(disk.clone(), None).expect("a store that works");
    let cursor = stored.progress.cursors.get(&Feed::Suricata);
    let mut counts = BTreeMap::new();
    for alert in stored.alerts {
        *counts.entry(alert.title).or_default() += alert.count;
    }
    (
        cursor.map_or(0, |cursor| cursor.parse().expect("a number")),
        counts,
    )
}

#[test]
fn a_full_store_lets_the_oldest_go_and_keeps_the_newest() {
    let disk = Fragile::default();
    disk.0.borrow_mut().quota = Some(40_000);
    let lines: Vec<String> = (1..=300).map(|n| line(n, n as usize)).collect();
    live(&disk, &lines, 5, None).expect("the store takes it");
    let (_, stored) = Journal::open(disk.clone(), None).expect("a store");
    assert!(disk.0.borrow().size() <= 40_000);
    assert!(stored.alerts.len() > 20, "{}", stored.alerts.len());
    assert_eq!(
        stored.alerts.last().map(|alert| alert.title.as_str()),
        Some("s300")
    );
    assert!(
        stored
            .alerts
            .iter()
            .all(|alert| alert.status == AlertStatus::Open)
    );
}
