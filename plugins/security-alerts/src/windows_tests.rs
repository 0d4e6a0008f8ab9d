//! Attacks and scans, and what is none.

use super::*;
use crate::testing::config;

const MINUTE: Instant = 60_000;

fn failure(from: &str, at: Instant, times: u32) -> Login {
    Login {
        service: "sshd".to_owned(),
        from: Some(from.to_owned()),
        user: "root".to_owned(),
        succeeded: false,
        times,
        at,
    }
}

fn success(from: &str, at: Instant) -> Login {
    Login {
        succeeded: true,
        ..failure(from, at, 1)
    }
}

/// Takes logins of (address, minute, times), and tells how many failures each attack accounts for.
fn attacks(logins: &[(&str, Instant, u32)]) -> Vec<(String, u32)> {
    let (mut windows, config) = (Windows::default(), config());
    let found = |login: &(&str, Instant, u32)| {
        let finding = windows.login(&failure(login.0, login.1 * MINUTE, login.2), &config)?;
        Some((finding.ip.unwrap_or_default(), finding.times))
    };
    logins.iter().filter_map(found).collect()
}

#[test]
fn five_failures_within_ten_minutes_are_an_attack_and_all_are_counted() {
    let a = |times: u32| ("a".to_owned(), times);
    assert_eq!(
        attacks(&[("a", 1, 1), ("a", 2, 1), ("a", 3, 1), ("a", 4, 1)]),
        []
    );
    let five: Vec<_> = (1..=5).map(|minute| ("a", minute, 1)).collect();
    assert_eq!(attacks(&five), [a(5)]);
    let eight: Vec<_> = (1..=8).map(|minute| ("a", minute, 1)).collect();
    assert_eq!(attacks(&eight), [a(5), a(1), a(1), a(1)]);
    assert_eq!(attacks(&[("a", 1, 3), ("a", 2, 9)]), [a(12)]);
    // Too slow, of two addresses, or with a pause between.
    assert_eq!(
        attacks(&[
            ("a", 0, 1),
            ("a", 5, 1),
            ("a", 10, 1),
            ("a", 15, 1),
            ("a", 20, 1)
        ]),
        []
    );
    assert_eq!(
        attacks(&[("a", 1, 3), ("b", 1, 3), ("a", 2, 1), ("b", 2, 1)]),
        []
    );
    let pause = [("a", 1, 5), ("a", 30, 1), ("a", 31, 4)];
    assert_eq!(attacks(&pause), [a(5), a(5)]);
    // Late records don't make a window longer.
    assert_eq!(attacks(&[("a", 30, 3), ("a", 1, 2), ("a", 31, 1)]), []);
}

#[test]
fn a_login_after_an_attack_is_critical_and_one_without_is_nothing() {
    let (mut windows, config) = (Windows::default(), config());
    assert_eq!(windows.login(&success("a", MINUTE), &config), None);
    windows
        .login(&failure("a", MINUTE, 5), &config)
        .expect("an attack");
    let breach = windows
        .login(&success("a", 2 * MINUTE), &config)
        .expect("a breach");
    assert_eq!(
        (breach.kind.as_str(), breach.severity),
        ("login_after_brute_force", AlertSeverity::Critical)
    );
    assert_eq!(windows.login(&success("a", 30 * MINUTE), &config), None);
    assert_eq!(windows.login(&success("b", 2 * MINUTE), &config), None);
}

#[test]
fn many_refused_targets_are_a_scan_and_the_same_one_again_is_not() {
    let (mut windows, mut config) = (Windows::default(), config());
    config.port_scan_targets = 10;
    let traffic = |port: u16, at: Instant| Traffic {
        from: "10.0.0.66".to_owned(),
        to: "10.0.0.1".to_owned(),
        port,
        sent: 0,
        received: 0,
        packets: 1,
        refused: true,
        at,
    };
    let mut found = |ports: &mut dyn Iterator<Item = (u16, Instant)>| {
        let scans = ports.filter_map(|(port, at)| windows.traffic(&traffic(port, at), &config));
        scans.count()
    };
    assert_eq!(found(&mut (0..100).map(|_| (80, MINUTE))), 0);
    assert_eq!(found(&mut (1..=9).map(|port| (port, MINUTE))), 1);
    assert_eq!(
        found(&mut (1..=10).map(|port| (port, 60 * MINUTE * i64::from(port)))),
        0
    );
    config.port_scan_targets = 0;
    assert_eq!(windows.traffic(&traffic(1, MINUTE), &config), None);
}

#[test]
fn the_tables_are_bounded_and_the_quiet_ones_go() {
    let (mut windows, config) = (Windows::default(), config());
    for n in 0..10_000 {
        windows.login(&failure(&format!("host-{n}"), n, 1), &config);
    }
    assert_eq!(windows.logins.len(), MOST_WATCHED);
    assert!(windows.logins.contains_key("host-9999"));
    for n in 0..100_000 {
        windows.login(&failure("host-9999", n, 1), &config);
    }
    assert!(windows.logins["host-9999"].at.len() <= 5);
}
