//! The monitor against the SDK's test host: what it opens, sends and publishes.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::config::tests::config;
use hearthgate_plugin::net::{CloseInfo, Opened};
use hearthgate_plugin::{Rejection, Request, testing};
use serde_json::{Value, json};

const ADB: &str = "tcp://127.0.0.1:5037";
const PIXEL: &str = "8A1X0F2QD device usb:1-1 model:Pixel_4 transport_id:1\n";

struct Bench {
    monitor: Monitor,
    now: u64,
}

fn bench(mut given: Value) -> Bench {
    let _host = testing::start("fresh", None, vec![], vec![]);
    if given.get("probes").is_none() {
        given["adb"] = ADB.into();
    }
    let config = config(given);
    let checked = config.check().unwrap();
    let now = clock::now();
    let mut bench = Bench {
        monitor: Monitor::new(config, checked, now),
        now,
    };
    bench.turn();
    bench
}

impl Bench {
    fn turn(&mut self) -> Vec<String> {
        self.monitor.turn(self.now);
        let calls = testing::calls();
        calls
            .into_iter()
            .filter(|call| !call.starts_with("timers.") && !call.starts_with("metrics."))
            .collect()
    }

    fn input(&mut self, input: Input) -> Vec<String> {
        self.monitor.input(input, self.now);
        self.turn()
    }

    fn opened(&mut self, id: u64) -> Vec<String> {
        let opened = Opened {
            peer: "127.0.0.1:5037".to_owned(),
            protocol: None,
            certificate: None,
        };
        self.input(Input::ConnectionOpened((id, opened)))
    }

    fn data(&mut self, id: u64, text: &str) -> Vec<String> {
        self.input(Input::TcpData((id, text.as_bytes().to_vec())))
    }

    fn closed(&mut self, id: u64) -> Vec<String> {
        let info = CloseInfo {
            code: 1000,
            reason: String::new(),
        };
        self.input(Input::ConnectionClosed((id, info)))
    }

    /// The link to the adb server, up, with this list; and what was published since the beginning.
    fn tracking(&mut self, list: &str) -> u64 {
        let id = *self
            .monitor
            .adb
            .as_ref()
            .unwrap()
            .tracker
            .connection()
            .as_ref()
            .unwrap();
        assert_eq!(
            self.opened(id),
            [format!("tcp.send {id} 0014host:track-devices-l")]
        );
        self.data(id, &format!("OKAY{:04x}{list}", list.len()));
        id
    }

    /// The connection of the session whose request to the server is this, opened and answered.
    fn session(&mut self, serial: &str) -> u64 {
        let running = self
            .monitor
            .jobs
            .running
            .keys()
            .copied()
            .collect::<Vec<_>>();
        let request = format!("host:transport:{serial}");
        let found = running.into_iter().find(|id| {
            let calls = self.opened(*id);
            calls.iter().any(|call| call.ends_with(&request))
        });
        let id = found.unwrap();
        let calls = self.data(id, "OKAY");
        assert!(
            calls[0].contains("shell:") || calls[0].contains("reboot:"),
            "{calls:?}"
        );
        self.data(id, "OKAY");
        id
    }

    fn sample(&mut self, serial: &str, text: impl Fn(&str) -> String) {
        let id = self.session(serial);
        let mark = self.monitor.jobs.running[&id].mark.script(&[]);
        let mark = mark
            .trim_start_matches("m=")
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        self.data(id, &text(&mark));
        self.closed(id);
    }

    fn ask(&mut self, kind: &str, data: Value) -> Result<Value, Rejection> {
        let request = Request {
            id: 1,
            kind: kind.to_owned(),
            data: data.to_string(),
        };
        let reply = self.monitor.request(&request, self.now);
        self.turn();
        reply
    }
}

/// Kind and data of what was published.
fn published() -> Vec<(String, Value)> {
    let events = testing::published().into_iter();
    events
        .map(|event| (event.kind, serde_json::from_str(&event.data).unwrap()))
        .collect()
}

fn of(events: &[(String, Value)], kind: &str) -> Vec<Value> {
    events
        .iter()
        .filter(|(k, _)| k == kind)
        .map(|(_, data)| data.clone())
        .collect()
}

#[test]
fn a_device_comes_is_read_and_goes() {
    let mut bench =
        bench(json!({"devices": {"8A1X0F2QD": {"name": "Kitchen", "room": "kitchen"}}}));
    let tracker = bench.tracking(PIXEL);
    let events = published();
    let states: Vec<_> = of(&events, "adapter.status")
        .iter()
        .map(|data| data["status"].clone())
        .collect();
    assert_eq!(states, [json!("connecting"), json!("connected")]);
    assert_eq!(of(&events, "device.connected")[0]["name"], "Kitchen");
    assert_eq!(of(&events, "device.status")[0]["status"], "online");
    assert_eq!(of(&events, "sync.status")[0]["progress"], 0.0);
    bench.sample("8A1X0F2QD", |m| {
        format!("{m} battery\n  level: 84\n  scale: 100\n  temperature: 326\n{m} cpu\ncpu  10 0 0 90\n{m} cpu_again\ncpu  35 0 0 165\n{m} memory\nMemTotal: 100 kB\nMemAvailable: 25 kB\n{m} end\n")
    });
    let events = published();
    let status = &of(&events, "device.status")[0];
    assert_eq!(
        (
            &status["battery_level"],
            &status["cpu_usage"],
            &status["memory_usage"]
        ),
        (&json!(84.0), &json!(25.0), &json!(75.0))
    );
    assert_eq!(
        of(&events, "device.metrics")[0]["metrics"]["battery_temp"],
        32.6
    );
    let done = &of(&events, "sync.status")[0];
    assert_eq!(
        (&done["status"], &done["progress"], &done["entity_count"]),
        (&json!("completed"), &json!(100.0), &json!(1))
    );
    bench.data(tracker, "0000");
    let events = published();
    assert_eq!(
        of(&events, "device.disconnected")[0]["reason"],
        "no longer listed by the adb server"
    );
    assert_eq!(of(&events, "device.status")[0]["status"], "offline");
}

#[test]
fn unauthorised_and_offline_are_told_apart() {
    let mut bench = bench(json!({}));
    let tracker = bench.tracking("A unauthorized usb:1\nB offline\n");
    let events = published();
    let states: Vec<_> = of(&events, "device.status")
        .iter()
        .map(|d| (d["device_id"].clone(), d["status"].clone()))
        .collect();
    // A device that was never there is not told as offline: B is listed, and so it is.
    assert_eq!(
        states,
        [
            (json!("A"), json!("unauthorized")),
            (json!("B"), json!("offline"))
        ]
    );
    assert!(of(&events, "device.connected").is_empty());
    let list = "A device\n";
    bench.data(tracker, &format!("{:04x}{list}", list.len()));
    let events = published();
    assert_eq!(of(&events, "device.connected")[0]["device_id"], "A");
}

#[test]
fn a_lost_server_leaves_nothing_stale_and_is_read_anew() {
    let mut bench = bench(json!({}));
    let tracker = bench.tracking(PIXEL);
    published();
    bench.closed(tracker);
    let events = published();
    assert_eq!(of(&events, "device.status")[0]["status"], "offline");
    assert_eq!(of(&events, "adapter.status")[0]["status"], "disconnected");
    assert_eq!(
        of(&events, "adapter.status")[0]["message"],
        "the adb server closed the connection"
    );
    bench.now += 1001;
    assert!(
        bench
            .turn()
            .iter()
            .any(|call| call == "tcp.connect 127.0.0.1 5037 TlsMode::None"),
        "it is tried again within a second"
    );
    bench.tracking("");
    let events = published();
    assert_eq!(
        of(&events, "adapter.status").last().unwrap()["status"],
        "connected"
    );
    assert_eq!(
        of(&events, "device.status")[0]["status"],
        "offline",
        "told again, for those who lost it"
    );
    assert_eq!(of(&events, "sync.status")[0]["status"], "completed");
}

#[test]
fn a_device_that_answers_nonsense_harms_nobody() {
    let mut bench = bench(json!({"interval": "1s"}));
    bench.tracking("A device\nB device\n");
    bench.sample("A", |_| "\u{0}garbage".to_owned());
    published();
    bench.sample("B", |m| format!("{m} battery\nlevel: 50\n{m} end\n"));
    let events = published();
    assert_eq!(
        of(&events, "device.metrics")[0],
        json!({"device_id": "B", "metrics": {"battery_level": 50.0}})
    );
    assert_eq!(
        of(&events, "sync.status")[0]["status"],
        "completed_with_errors"
    );
    let logged: Vec<_> = testing::logged()
        .iter()
        .filter_map(|line| Some(line.split_once("input skipped ")?.1.to_owned()))
        .collect();
    assert_eq!(
        logged,
        ["cause=sample count=1 device=A detail=the session was cut off"]
    );
    bench.now += 1500;
    bench.turn();
    bench.sample("A", |m| format!("{m} battery\nlevel: 7\n{m} end\n"));
    assert_eq!(
        of(&published(), "device.metrics")[0]["device_id"],
        "A",
        "the next sample is tried as ever"
    );
}

#[test]
fn a_session_that_hangs_is_given_up() {
    let mut bench = bench(json!({"timeout": "2s"}));
    bench.tracking(PIXEL);
    let id = bench.session("8A1X0F2QD");
    bench.now += 2000;
    let calls = bench.turn();
    assert!(calls.contains(&format!("tcp.close {id}")), "{calls:?}");
    assert!(!bench.monitor.jobs.running.contains_key(&id));
}

#[test]
fn no_more_run_at_once_than_configured() {
    let mut bench = bench(json!({"parallel": 2}));
    let list: String = (0..50).map(|i| format!("D{i} device\n")).collect();
    bench.tracking(&list);
    assert_eq!(bench.monitor.jobs.running.len(), 2);
    let queued = bench.monitor.jobs.queue.len();
    bench.now += 3_600_000;
    bench.monitor.queue_what_is_due(bench.now);
    assert_eq!(
        bench.monitor.jobs.queue.len(),
        queued,
        "each device waits once"
    );
}

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
