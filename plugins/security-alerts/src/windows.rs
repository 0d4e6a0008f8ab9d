//! What only many records together say: failed logins of one address, refused targets of one source.
//!
//! Windows are measured by the records' own times, so a clock that jumps changes nothing, and a file that is read late
//! says the same as one that is read at once.

use crate::config::{Config, millis};
use crate::detector::hash;
use crate::finding::{Feed, Finding, Login, Traffic, clip};
use crate::instant::Instant;
use hearthgate_plugin::events::AlertSeverity;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Most addresses that are watched at once, for logins and for scans each; the one quiet the longest makes room.
const MOST_WATCHED: usize = 256;
/// Names that are told of an attack.
const MOST_USERS: usize = 8;

/// All windows. Those of logins are stored with the cursors; a scan's begins anew after a restart of the gateway.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Windows {
    logins: BTreeMap<String, Attempts>,
    #[serde(skip)]
    scans: BTreeMap<String, Scan>,
}

/// Failed logins of one address.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Attempts {
    /// When they were, oldest first; at most as many as make an attack.
    at: VecDeque<Instant>,
    users: BTreeSet<String>,
    last: Instant,
    /// It was an attack: each further failure within a window is part of it.
    attack: bool,
}

/// Refused targets of one source.
#[derive(Debug, Clone, Default)]
struct Scan {
    targets: VecDeque<(u64, Instant)>,
    last: Instant,
}

impl Windows {
    /// Takes a login or an attempt; tells of an attack, and of a login that succeeds after one.
    pub fn login(&mut self, login: &Login, config: &Config) -> Option<Finding> {
        let window = millis(config.brute_force_window);
        let who = match &login.from {
            Some(from) => clip(from, 255),
            None => clip(&format!("local {}", login.user), 255),
        };
        if login.succeeded {
            let attempts = self.logins.get(&who)?;
            let recent = attempts.attack && login.at.saturating_sub(attempts.last) <= window;
            return recent.then(|| breach(login, &who));
        }
        make_room(&mut self.logins, &who, |attempts| attempts.last);
        let attempts = self.logins.entry(who.clone()).or_default();
        if login.at.saturating_sub(attempts.last) > window {
            *attempts = Attempts::default();
        }
        attempts.last = attempts.last.max(login.at);
        if attempts.users.len() < MOST_USERS {
            attempts.users.insert(clip(&login.user, 64));
        }
        if attempts.attack {
            return Some(attack(login, &who, &attempts.users, login.times));
        }
        let most = config.brute_force_failures as usize;
        let times = usize::try_from(login.times).unwrap_or(most).min(most);
        attempts.at.extend(std::iter::repeat_n(login.at, times));
        let newest = attempts.last;
        attempts
            .at
            .retain(|at| newest.saturating_sub(*at) <= window);
        if attempts.at.len() < most {
            return None;
        }
        attempts.attack = true;
        let before = attempts.at.len().saturating_sub(times);
        let times = u32::try_from(before)
            .unwrap_or(0)
            .saturating_add(login.times);
        attempts.at.clear();
        Some(attack(login, &who, &attempts.users, times))
    }

    /// Takes a connection; tells of a scan.
    pub fn traffic(&mut self, traffic: &Traffic, config: &Config) -> Option<Finding> {
        if !traffic.refused || config.port_scan_targets == 0 {
            return None;
        }
        let window = millis(config.port_scan_window);
        make_room(&mut self.scans, &traffic.from, |scan| scan.last);
        let scan = self.scans.entry(traffic.from.clone()).or_default();
        if traffic.at.saturating_sub(scan.last) > window {
            *scan = Scan::default();
        }
        scan.last = scan.last.max(traffic.at);
        let target = hash(&[&traffic.to, &traffic.port.to_string()]);
        let newest = scan.last;
        scan.targets
            .retain(|(other, at)| *other != target && newest.saturating_sub(*at) <= window);
        scan.targets.push_back((target, traffic.at));
        if scan.targets.len() < config.port_scan_targets {
            return None;
        }
        // As many again are the same scan once more.
        scan.targets.clear();
        Some(scanned(traffic, config.port_scan_targets))
    }
}

/// Where the table is full and `who` is not in it, the one that was quiet the longest goes.
fn make_room<T>(table: &mut BTreeMap<String, T>, who: &str, last: impl Fn(&T) -> Instant) {
    if table.len() < MOST_WATCHED || table.contains_key(who) {
        return;
    }
    let oldest = table.iter().min_by_key(|(_, entry)| last(entry));
    if let Some(oldest) = oldest.map(|(who, _)| who.clone()) {
        table.remove(&oldest);
    }
}

fn attack(login: &Login, who: &str, users: &BTreeSet<String>, times: u32) -> Finding {
    let key = format!("brute-force:{}:{who}", login.service);
    let names: Vec<&str> = users.iter().map(String::as_str).collect();
    let names = names.join(", ");
    let mut finding = Finding::new(
        Feed::Auth,
        key,
        "brute_force",
        AlertSeverity::High,
        login.at,
    )
    .told(
        &format!("Failed logins from {who}"),
        &format!(
            "{} refused logins from {who} one after another, as {names}",
            login.service
        ),
    );
    finding.times = times;
    finding.ip.clone_from(&login.from);
    finding.detail("service", Some(login.service.clone().into()));
    finding.detail("users", Some(names.into()));
    finding
}

fn breach(login: &Login, who: &str) -> Finding {
    let key = format!("breach:{}:{who}", login.service);
    let severity = AlertSeverity::Critical;
    let mut finding = Finding::new(
        Feed::Auth,
        key,
        "login_after_brute_force",
        severity,
        login.at,
    )
    .told(
        &format!("{who} logged in as {} after failed logins", login.user),
        &format!(
            "{} let {who} in as {} after an attack from there",
            login.service, login.user
        ),
    );
    finding.ip.clone_from(&login.from);
    finding.detail("service", Some(login.service.clone().into()));
    finding.detail("user", Some(clip(&login.user, 64).into()));
    finding
}

fn scanned(traffic: &Traffic, targets: usize) -> Finding {
    let from = &traffic.from;
    let key = format!("port-scan:{from}");
    let mut finding = Finding::new(
        Feed::ZeekConn,
        key,
        "port_scan",
        AlertSeverity::Medium,
        traffic.at,
    )
    .told(
        &format!("{from} scans for open ports"),
        &format!("{from} tried {targets} ports that refused or did not answer"),
    );
    finding.ip = Some(from.clone());
    finding.detail(
        "last_target",
        Some(format!("{}:{}", traffic.to, traffic.port).into()),
    );
    finding
}

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
