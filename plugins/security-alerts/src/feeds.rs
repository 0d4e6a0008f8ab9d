//! Lines of followed files: which reader takes which, and what they add to.

use crate::causes::Causes;
use crate::config::{Begin, Config};
use crate::finding::{Bad, Feed, Finding, Record, Traffic};
use crate::instant::{DAY, Instant};
use crate::journal::{Begun, Progress, Volume};
use crate::{Security, fail2ban, suricata, zeek};
use hearthgate_plugin::events::AlertSeverity;
use hearthgate_plugin::files::{self, StartAt};
use hearthgate_plugin::{Failure, Lines, metrics};
use std::collections::BTreeMap;

/// Addresses whose traffic is counted; only devices of the home are.
const MOST_ADDRESSES: usize = 1024;

/// The files that are followed by lines, with their feeds; the detector's is read in its own way.
pub fn followed(config: &Config) -> Vec<(Feed, &str)> {
    let all = [
        (Feed::Suricata, config.suricata.as_str()),
        (Feed::ZeekNotice, &config.zeek_notice),
        (Feed::ZeekConn, &config.zeek_conn),
        (Feed::Auth, &config.auth),
        (Feed::Fail2ban, &config.fail2ban),
    ];
    all.into_iter()
        .filter(|(_, path)| !path.is_empty())
        .collect()
}

/// The gateway tells a rotated file as changed where it could not be read before it was packed.
pub const UNREADABLE: Bad =
    Bad("a rotated file is packed or may not be read; its lines are missing");

/// The feed whose followed file was rotated to that path.
pub fn rotated(config: &Config, path: &str) -> Option<Feed> {
    let is_of = |file: &str| {
        path.strip_prefix(file)
            .is_some_and(|end| end.starts_with(['.', '-']))
    };
    let feed = followed(config).into_iter().find(|(_, file)| is_of(file));
    let detector = || is_of(&config.detector) && !config.detector.is_empty();
    feed.map(|(feed, _)| feed)
        .or_else(|| detector().then_some(Feed::Detector))
}

/// Follows a file from where it was left off. `taken_over`: the instance before follows it already.
///
/// # Errors
/// It is not granted, or too many are followed.
pub fn follow(
    feed: Feed,
    path: &str,
    begin: Begin,
    taken_over: bool,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let known = progress
        .begun
        .get(&feed)
        .is_some_and(|begun| begun.path == path);
    if !known {
        progress.cursors.remove(&feed);
        progress.headers.remove(&feed);
        let holds_something = files::read(path, 0, 1).is_ok_and(|bytes| !bytes.is_empty());
        let skipped = begin == Begin::End && holds_something;
        let begun = Begun {
            path: path.to_owned(),
            skipped,
        };
        progress.begun.insert(feed, begun);
        if skipped && matches!(feed, Feed::ZeekNotice | Feed::ZeekConn) {
            read_header(feed, path, progress);
        }
    }
    let skipped = progress.begun.get(&feed).is_some_and(|begun| begun.skipped);
    let cursor = progress
        .cursors
        .get(&feed)
        .filter(|cursor| !cursor.is_empty());
    let start = match cursor {
        Some(cursor) => StartAt::Cursor(cursor.clone()),
        // Its lines come on where they were; a cursor of nothing takes that over.
        None if taken_over && known => StartAt::Cursor(String::new()),
        None if skipped => StartAt::End,
        None => StartAt::Beginning,
    };
    files::follow(path, &start)?;
    Ok(())
}

/// The header of a log whose beginning is not read otherwise.
fn read_header(feed: Feed, path: &str, progress: &mut Progress) {
    let head = files::read(path, 0, 4096).unwrap_or_default();
    let head = String::from_utf8_lossy(&head);
    let header = progress.headers.entry(feed).or_default();
    let directives = head.lines().take_while(|line| line.starts_with('#'));
    directives.for_each(|line| header.directive(line));
}

impl Security {
    /// Takes the lines of a file, in their order.
    pub(crate) fn take_lines(&mut self, feed: Feed, lines: &Lines, now: Instant) {
        metrics::add(
            "lines_total",
            lines.lines.len() as u64,
            &[("feed", feed.name())],
        );
        for line in &lines.lines {
            match self.read_line(feed, line, now) {
                Ok(record) => self.take_record(record, now),
                Err(bad) => self.causes.count(feed, bad, line, now),
            }
        }
        *self.progress.lines.entry(feed).or_default() += lines.lines.len() as u64;
        self.progress.cursors.insert(feed, lines.cursor.clone());
        self.dirty = true;
    }

    fn read_line(&mut self, feed: Feed, line: &str, now: Instant) -> Result<Record, Bad> {
        if line.is_empty() {
            return Ok(Record::Nothing);
        }
        let zone = self.config.zone();
        match feed {
            Feed::Suricata => suricata::read(line, zone),
            Feed::ZeekNotice => zeek::notice(self.progress.headers.entry(feed).or_default(), line),
            Feed::ZeekConn => {
                zeek::connection(self.progress.headers.entry(feed).or_default(), line)
            }
            Feed::Auth => self.reader.read(line, now, zone),
            Feed::Fail2ban => fail2ban::read(line, zone),
            _ => Ok(Record::Nothing),
        }
    }

    pub(crate) fn take_record(&mut self, record: Record, now: Instant) {
        match record {
            Record::Finding(finding) => self.take_finding(*finding, now),
            Record::Over { key, at } => self.book.over(&key, at),
            Record::Login(login) => {
                if let Some(finding) = self.progress.windows.login(&login, &self.config) {
                    self.take_finding(finding, now);
                }
            }
            Record::Traffic(traffic) => {
                count(&traffic, &mut self.progress.traffic);
                if let Some(finding) = self.progress.windows.traffic(&traffic, &self.config) {
                    self.take_finding(finding, now);
                }
            }
            Record::Nothing => {}
        }
    }

    /// Takes a finding into the book; true: it was not known as it is.
    pub(crate) fn take_finding(&mut self, mut finding: Finding, now: Instant) {
        if finding.at > now.saturating_add(DAY) {
            let bad = Bad("a record's time is more than a day ahead; it is taken as now");
            self.causes.count(finding.feed, bad, &finding.title, now);
            finding.at = now;
        }
        // What is older than the history would be forgotten at once.
        let most = i64::from(self.config.history_days) * DAY;
        if now.saturating_sub(finding.at) > most {
            metrics::add("old_records_total", 1, &[("feed", finding.feed.name())]);
            return;
        }
        if let Some(severity) = severity_of(&finding, &self.config.severities) {
            finding.severity = severity;
        }
        if !self.book.take(finding) {
            metrics::add("duplicates_total", 1, &[]);
        }
        self.dirty = true;
    }
}

/// The operator's severity, by the signature's number, or by the sort.
fn severity_of(
    finding: &Finding,
    severities: &BTreeMap<String, AlertSeverity>,
) -> Option<AlertSeverity> {
    let signature = finding.details.get("signature_id").map(ToString::to_string);
    let by_signature = signature.and_then(|signature| severities.get(&signature));
    by_signature
        .or_else(|| severities.get(&finding.kind))
        .copied()
}

/// Adds a connection to the traffic of the home's addresses.
fn count(traffic: &Traffic, volumes: &mut BTreeMap<String, Volume>) {
    let sides = [
        (&traffic.from, traffic.sent, traffic.received),
        (&traffic.to, traffic.received, traffic.sent),
    ];
    for (address, sent, received) in sides {
        let room = volumes.len() < MOST_ADDRESSES || volumes.contains_key(address);
        if !room || !crate::finding::is_local(address) {
            continue;
        }
        let volume = volumes.entry(address.clone()).or_default();
        let packets = traffic.packets;
        *volume = volume.plus(Volume {
            sent,
            received,
            packets,
        });
    }
}

/// What a feed's health says.
pub fn health(progress: &Progress, causes: &Causes, feed: Feed) -> serde_json::Value {
    let lines = progress.lines.get(&feed).copied().unwrap_or(0);
    serde_json::json!({"lines": lines, "bad": causes.of(feed)})
}
