//! The monitor against the SDK's test host: what it opens, sends and publishes.
#![allow(clippy::unwrap_used)]

mod requests;

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
        let mut running = self.monitor.jobs.running.iter();
        let of_device = running.find(|(_, running)| match &running.job {
            Job::Sample { serial: device, .. } => device == serial,
            Job::Action(action) => action.device == serial,
            _ => false,
        });
        let id = *of_device.unwrap().0;
        let request = format!("host:transport:{serial}");
        let calls = self.opened(id);
        assert!(
            calls.iter().any(|call| call.ends_with(&request)),
            "{calls:?}"
        );
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
fn a_device_that_the_tracker_calls_offline_is_looked_at_again() {
    let mut bench = bench(json!({}));
    bench.tracking("A offline transport_id:1\n");
    published();
    bench.now += 1000;
    bench.turn();
    let job = bench
        .monitor
        .jobs
        .running
        .iter()
        .find(|(_, running)| running.job == Job::List);
    let id = *job.unwrap().0;
    assert_eq!(
        bench.opened(id),
        [format!("tcp.send {id} 000ehost:devices-l")]
    );
    let list = "A unauthorized transport_id:1\n";
    bench.data(id, &format!("OKAY{:04x}{list}", list.len()));
    assert_eq!(
        of(&published(), "device.status")[0]["status"],
        "unauthorized"
    );
    assert_eq!(
        bench.monitor.next_list, None,
        "there is nothing left to find out"
    );
}
