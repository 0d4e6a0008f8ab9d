//! New, back, gone, blocked, renamed, and the bounds.

use super::*;

const MINUTE: Instant = 60_000;

fn neighbour(last: u8, ips: &[&str], reach: Reach) -> Neighbour {
    Neighbour {
        mac: format!("aa:bb:cc:00:11:{last:02x}"),
        addresses: ips
            .iter()
            .map(|ip| ip.parse().expect("an address"))
            .collect(),
        reach,
    }
}

fn look(devices: &mut Devices, seen: &[Neighbour], now: Instant) -> Vec<String> {
    let happened = devices.look(seen, now, MINUTE);
    let tell = |(mac, happening): (String, Happening)| {
        let state = devices.find(&mac).map(|device| device.state().as_str());
        format!("{} {happening:?} {}", &mac[15..], state.unwrap_or("?"))
    };
    happened.into_iter().map(tell).collect()
}

#[test]
fn devices_come_rest_go_and_come_back() {
    let mut devices = Devices::new(10, Vec::new());
    let (active, idle) = (
        neighbour(1, &["10.0.0.1"], Reach::Active),
        neighbour(1, &["10.0.0.1"], Reach::Idle),
    );
    assert_eq!(
        look(&mut devices, std::slice::from_ref(&active), 0),
        ["01 New online"]
    );
    assert_eq!(
        look(&mut devices, std::slice::from_ref(&active), 10_000),
        [""; 0]
    );
    assert_eq!(look(&mut devices, &[idle], 20_000), ["01 Changed idle"]);
    assert_eq!(look(&mut devices, &[], 70_000), [""; 0], "not long enough");
    assert_eq!(look(&mut devices, &[], 80_000), ["01 Gone offline"]);
    assert_eq!(look(&mut devices, &[], 90_000), [""; 0]);
    assert_eq!(look(&mut devices, &[active], 100_000), ["01 Back online"]);
    let device = devices.find("10.0.0.1").expect("a device");
    assert_eq!((device.first_seen, device.last_seen), (0, 100_000));
}

#[test]
fn a_clock_that_jumps_loses_nobody_for_long() {
    let mut devices = Devices::new(10, Vec::new());
    let seen = [neighbour(1, &["10.0.0.1"], Reach::Active)];
    look(&mut devices, &seen, 1_000 * MINUTE);
    assert_eq!(look(&mut devices, &seen, 5 * MINUTE), [""; 0]);
    assert_eq!(
        look(&mut devices, &[], 5 * MINUTE),
        [""; 0],
        "the clock was set back"
    );
    assert_eq!(look(&mut devices, &[], 6 * MINUTE), ["01 Gone offline"]);
    assert_eq!(
        look(&mut devices, &seen, 90_000 * MINUTE),
        ["01 Back online"]
    );
}

#[test]
fn a_device_keeps_the_address_that_stands_for_it_and_is_found_by_all() {
    let mut devices = Devices::new(10, Vec::new());
    look(
        &mut devices,
        &[neighbour(1, &["10.0.0.5", "fe80::5"], Reach::Active)],
        0,
    );
    assert_eq!(
        look(
            &mut devices,
            &[neighbour(1, &["10.0.0.2", "10.0.0.5"], Reach::Active)],
            1
        ),
        [""; 0]
    );
    for id in [
        "AA-BB-CC-00-11-01",
        "aa:bb:cc:00:11:01",
        "10.0.0.2",
        "10.0.0.5",
    ] {
        let found = devices.find(id).and_then(Device::ip);
        assert_eq!(found.as_deref(), Some("10.0.0.5"), "{id}");
    }
    assert_eq!(
        look(
            &mut devices,
            &[neighbour(1, &["10.0.0.9"], Reach::Active)],
            2
        ),
        ["01 Changed online"]
    );
    // The address is another device's now.
    look(
        &mut devices,
        &[neighbour(2, &["10.0.0.9"], Reach::Active)],
        3,
    );
    assert_eq!(
        devices.find("10.0.0.9").map(|device| device.mac.as_str()),
        Some("aa:bb:cc:00:11:02")
    );
    assert_eq!(devices.find("10.0.0.77"), None);
}

#[test]
fn the_set_is_the_truth_about_blocking() {
    let mut devices = Devices::new(10, Vec::new());
    look(
        &mut devices,
        &[
            neighbour(1, &["10.0.0.1"], Reach::Active),
            neighbour(2, &["10.0.0.2"], Reach::Idle),
        ],
        0,
    );
    let set = |text: &str| Blocked::read(text.as_bytes()).expect("a set");
    assert_eq!(
        devices.set_blocked(&set("10.0.0.1"), BlockBy::Ip),
        ["aa:bb:cc:00:11:01"]
    );
    assert_eq!(
        devices.find("10.0.0.1").map(Device::state),
        Some(DeviceState::Blocked)
    );
    assert_eq!(devices.set_blocked(&set("10.0.0.1"), BlockBy::Ip), [""; 0]);
    assert_eq!(
        devices.set_blocked(&set(""), BlockBy::Ip),
        ["aa:bb:cc:00:11:01"]
    );
    assert_eq!(
        devices.set_blocked(&set("aa:bb:cc:00:11:02"), BlockBy::Mac),
        ["aa:bb:cc:00:11:02"]
    );
}

#[test]
fn names_are_given_known_or_addresses() {
    let mut devices = Devices::new(10, Vec::new());
    look(
        &mut devices,
        &[neighbour(1, &["10.0.0.1"], Reach::Active)],
        0,
    );
    let name = |devices: &Devices| {
        devices
            .find("10.0.0.1")
            .map(Device::name)
            .unwrap_or_default()
    };
    assert_eq!(name(&devices), "10.0.0.1");
    let known =
        crate::names::read(br#"{"10.0.0.1": {"name": "TV", "type": "screen"}}"#).expect("names");
    assert_eq!(devices.set_names(&known), ["aa:bb:cc:00:11:01"]);
    assert_eq!(devices.set_names(&known), [""; 0]);
    assert_eq!(name(&devices), "TV");
    devices.rename("aa:bb:cc:00:11:01", " Living room ");
    assert_eq!(name(&devices), "Living room");
    devices.rename("aa:bb:cc:00:11:01", "");
    assert_eq!(name(&devices), "TV");
}

#[test]
fn the_table_is_bounded_and_the_blocked_stay() {
    let mut devices = Devices::new(3, Vec::new());
    look(
        &mut devices,
        &[neighbour(1, &["10.0.0.1"], Reach::Active)],
        0,
    );
    devices.mark_blocked("aa:bb:cc:00:11:01", true);
    for n in 2..50 {
        look(
            &mut devices,
            &[neighbour(n, &["10.0.0.2"], Reach::Active)],
            i64::from(n) * MINUTE,
        );
    }
    let macs: Vec<&str> = devices.all().map(|device| &device.mac[15..]).collect();
    assert_eq!(macs, ["01", "30", "31"]);
    assert_eq!(devices.evicted, 46);
    let departed = devices.take_departed();
    assert_eq!(departed.len(), 46);
    assert!(departed.iter().all(|mac| devices.find(mac).is_none()));
    assert!(devices.take_departed().is_empty());
    for event in crate::announce::farewell(&departed[0]) {
        event.publish().expect("the test host takes all");
    }
    let left: Vec<_> = hearthgate_plugin::testing::published()
        .into_iter()
        .map(|event| (event.topic, event.data, event.retain))
        .collect();
    let null = |topic: String| (topic, "null".to_owned(), true);
    let levels = ["status", "connection"];
    let topics = levels.map(|level| null(format!("device/{}/{level}", departed[0])));
    assert_eq!(left, topics);
    let unsaved = devices.take_unsaved(1000);
    assert_eq!(
        unsaved
            .iter()
            .filter(|(_, device)| device.is_some())
            .count(),
        3,
        "the others are deleted"
    );
}
