//! What clients ask for, what the next instance goes on with, and probes.

use super::*;

#[test]
fn an_action_is_told_from_queued_to_completed() {
    let mut bench = bench(
        json!({"actions": {"screen-on": true}, "devices": {"8A1X0F2QD": {"monitor": false}}}),
    );
    bench.tracking(PIXEL);
    published();
    let reply = bench
        .ask(
            "device_action",
            json!({"device_id": "8A1X0F2QD", "action_type": "screen_on", "action_id": "a1"}),
        )
        .unwrap();
    assert_eq!(reply["status"], "queued");
    bench.sample("8A1X0F2QD", |m| format!("{m} 0\n"));
    let states: Vec<_> = of(&published(), "device.action")
        .iter()
        .map(|d| d["status"].clone())
        .collect();
    assert_eq!(
        states,
        [json!("queued"), json!("in_progress"), json!("completed")]
    );
    let refused = |bench: &mut Bench, data: Value| bench.ask("device_action", data).unwrap_err();
    assert!(matches!(
        refused(
            &mut bench,
            json!({"device_id": "8A1X0F2QD", "action_type": "reboot"})
        ),
        Rejection::Forbidden(_)
    ));
    assert!(matches!(
        refused(
            &mut bench,
            json!({"device_id": "nobody", "action_type": "screen_on"})
        ),
        Rejection::NotFound(_)
    ));
    assert!(matches!(
        refused(
            &mut bench,
            json!({"device_id": "8A1X0F2QD", "action_type": "screen_on", "action_id": "a b"})
        ),
        Rejection::BadRequest(_)
    ));
    assert!(
        of(&published(), "device.action").is_empty(),
        "what is refused is no action"
    );
}

#[test]
fn monitoring_starts_and_stops() {
    let mut bench = bench(json!({"devices": {"8A1X0F2QD": {"monitor": false}}}));
    bench.tracking(PIXEL);
    let samples = |bench: &Bench| {
        bench
            .monitor
            .jobs
            .running
            .values()
            .filter(|r| matches!(r.job, Job::Sample { .. }))
            .count()
    };
    assert_eq!(samples(&bench), 0);
    let reply = bench
        .ask(
            "start_monitoring",
            json!({"device_id": "8A1X0F2QD", "type": "battery", "interval": 5}),
        )
        .unwrap();
    assert_eq!(
        reply,
        json!({"device_id": "8A1X0F2QD", "type": "battery", "interval": 5.0, "monitoring": true, "online": true})
    );
    assert_eq!(samples(&bench), 1);
    bench
        .ask("stop_monitoring", json!({"device_id": "8A1X0F2QD"}))
        .unwrap();
    assert!(!bench.monitor.devices["8A1X0F2QD"].pace.is_on());
    for bad in [
        json!({}),
        json!({"device_id": "8A1X0F2QD", "interval": 0}),
        json!({"device_id": "8A1X0F2QD", "type": "magic"}),
    ] {
        assert!(matches!(
            bench.ask("start_monitoring", bad),
            Err(Rejection::BadRequest(_))
        ));
    }
    assert!(matches!(
        bench.ask("start_monitoring", json!({"device_id": "x"})),
        Err(Rejection::NotFound(_))
    ));
}

#[test]
fn the_next_instance_carries_on() {
    let mut bench = bench(
        json!({"actions": {"screen-on": true}, "devices": {"8A1X0F2QD": {"monitor": false}}}),
    );
    let tracker = bench.tracking(PIXEL);
    bench
        .ask(
            "device_action",
            json!({"device_id": "8A1X0F2QD", "action_type": "screen_on", "action_id": "a1"}),
        )
        .unwrap();
    let session = bench.session("8A1X0F2QD");
    published();
    let state = hearthgate_plugin::State::json(1, &bench.monitor.saved(bench.now)).unwrap();
    let running = bench.monitor.jobs.running[&session].clone();
    let mark = running
        .mark
        .with_exit_code("")
        .split('"')
        .nth(1)
        .unwrap()
        .replace("$?", "0");
    let connections = vec![
        (99, ADB.to_owned()),
        (tracker, ADB.to_owned()),
        (session, ADB.to_owned()),
    ];
    let mut start = testing::start("upgraded", Some(state), connections, vec![]);
    let saved: Saved = start.state(1).unwrap();
    let checked = bench.monitor.config.check().unwrap();
    let now = bench.now + 5;
    let monitor = Monitor::resumed(
        bench.monitor.config.clone(),
        checked,
        saved,
        &mut start,
        now,
    );
    let mut next = Bench { monitor, now };
    assert_eq!(
        next.turn(),
        ["tcp.close 99"],
        "what was a sample is closed, and nothing is opened anew"
    );
    assert!(published().is_empty(), "for nobody anything changed");
    next.data(session, &format!("{mark}\n"));
    next.closed(session);
    assert_eq!(of(&published(), "device.action")[0]["status"], "completed");
    next.data(tracker, "0000");
    assert_eq!(of(&published(), "device.status")[0]["status"], "offline");
}

#[test]
fn a_restart_remembers_who_was_there() {
    let mut bench = bench(json!({}));
    bench.tracking(PIXEL);
    let first_seen = of(&published(), "device.status")[0]["first_seen"].clone();
    let checked = bench.monitor.config.check().unwrap();
    let mut monitor = Monitor::new(bench.monitor.config.clone(), checked, bench.now);
    monitor.recall(bench.now);
    let mut after = Bench {
        monitor,
        now: bench.now,
    };
    after.turn();
    after.tracking("");
    let events = published();
    let status = &of(&events, "device.status")[0];
    assert_eq!(
        (&status["status"], &status["first_seen"], &status["name"]),
        (&json!("offline"), &first_seen, &json!("Pixel 4"))
    );
}

#[test]
fn probes_without_android() {
    let mut bench = bench(
        json!({"probes": [{"id": "nas", "url": "tcp://192.168.1.9:22", "retries": 0}, {"id": "web", "url": "http://a.example/"}]}),
    );
    assert_eq!(of(&published(), "adapter.status")[0]["status"], "connected");
    let id = *bench.monitor.jobs.running.keys().next().unwrap();
    bench.input(Input::ConnectionFailed((id, NetError::Refused)));
    assert_eq!(of(&published(), "device.status")[0]["status"], "offline");
    bench.now += 30_000;
    bench.turn();
    let id = *bench.monitor.jobs.running.keys().next().unwrap();
    bench.now += 7;
    bench.opened(id);
    let events = published();
    assert_eq!(of(&events, "device.status")[0]["status"], "online");
    assert_eq!(
        of(&events, "device.metrics")[0]["metrics"],
        json!({"latency_ms": 7.0})
    );
    assert_eq!(bench.ask("scan_devices", json!({})).unwrap()["scanned"], 2);
}

#[test]
fn what_is_out_of_reach_is_connected_to_again() {
    let mut bench = bench(json!({"connect": ["192.168.1.20:5555"]}));
    bench.tracking("");
    let connecting = |bench: &Bench| {
        let jobs = bench.monitor.jobs.running.values();
        jobs.filter(|running| matches!(running.job, Job::Connect { .. }))
            .count()
    };
    assert_eq!(connecting(&bench), 1);
    let id = *bench
        .monitor
        .jobs
        .running
        .iter()
        .find(|(_, r)| matches!(r.job, Job::Connect { .. }))
        .unwrap()
        .0;
    assert_eq!(
        bench.opened(id),
        [format!("tcp.send {id} 001ehost:connect:192.168.1.20:5555")]
    );
    bench.data(
        id,
        "OKAY0031failed to connect to 192.168.1.20:5555: timed out",
    );
    assert_eq!(connecting(&bench), 0);
    bench.now += 29_999;
    bench.turn();
    assert_eq!(connecting(&bench), 0);
    bench.now += 1;
    bench.turn();
    assert_eq!(connecting(&bench), 1, "after the interval, by itself");
    bench.turn();
    assert_eq!(connecting(&bench), 1, "and once");
}

#[test]
fn what_was_underway_is_done_again_by_the_next_instance() {
    let probes = json!([{"id": "nas", "url": "tcp://192.168.1.9:22"}]);
    let mut bench = bench(json!({"adb": ADB, "probes": probes}));
    let tracker = bench.tracking(PIXEL);
    assert_eq!(of(&published(), "sync.status")[0]["status"], "syncing");
    bench.session("8A1X0F2QD");
    let saved = bench.monitor.saved(bench.now);
    let mut start = testing::start("upgraded", None, vec![(tracker, ADB.to_owned())], vec![]);
    let checked = bench.monitor.config.check().unwrap();
    let monitor = Monitor::resumed(
        bench.monitor.config.clone(),
        checked,
        saved,
        &mut start,
        bench.now,
    );
    let mut next = Bench {
        monitor,
        now: bench.now,
    };
    let calls = next.turn();
    assert!(
        calls
            .iter()
            .any(|call| call == "tcp.connect 192.168.1.9 22 TlsMode::None"),
        "{calls:?}"
    );
    next.sample("8A1X0F2QD", |m| format!("{m} battery\nlevel: 7\n{m} end\n"));
    assert_eq!(
        of(&published(), "sync.status")[0]["status"],
        "completed",
        "the synchronisation is not forgotten"
    );
}
