//! The calls, with what they answer and bring about.

use serde_json::{Value, json};

/// What a call must answer.
pub enum Told {
    /// Exactly this.
    Ok(Value),
    /// A value that is as wanted.
    Like(fn(&Value) -> bool),
    /// A refusal that contains this.
    Error(&'static str),
}

/// What a call must bring about; each is waited for.
pub enum Then {
    Nothing,
    /// An input of the guest with all of these in it.
    Input(&'static [&'static str]),
    /// A metric of the instance.
    Metric(&'static str, f64),
    /// A log line of the instance.
    Line(&'static str),
    /// A file is written, and then there is such an input.
    Write(&'static str, &'static str, &'static [&'static str]),
}

use Then::{Input, Line, Metric, Nothing, Write};
use Told::{Error, Like, Ok};

mod asking;

/// In order: some rows build on those before.
pub fn table(folder: &str, url: &str) -> Vec<(Value, Told, Then)> {
    let task = |call: &str, fields: Value| {
        let mut task = fields;
        task["call"] = call.into();
        task
    };
    let file = format!("{folder}/lines.log");
    let null = || Ok(Value::Null);
    let mut rows = vec![
        (
            task(
                "log",
                json!({"level": "warn", "message": "from the table", "fields": [["row", "1"]]}),
            ),
            null(),
            Line("from the table"),
        ),
        (
            task(
                "metrics.add",
                json!({"name": "table_total", "delta": 3, "labels": [["row", "2"]]}),
            ),
            null(),
            Metric("table_total", 3.0),
        ),
        (
            task("metrics.set", json!({"name": "table_level", "value": 2.5})),
            null(),
            Metric("table_level", 2.5),
        ),
        (
            task(
                "metrics.observe",
                json!({"name": "table_seconds", "value": 0.25}),
            ),
            null(),
            Metric("table_seconds_sum", 0.25),
        ),
        (
            task("timers.after", json!({"ms": 10, "tag": "once"})),
            Like(Value::is_u64),
            Input(&["Timer", "\"once\""]),
        ),
        (task("store.get", json!({"key": "a"})), null(), Nothing),
        (
            task("store.set", json!({"key": "a", "value": "1"})),
            null(),
            Nothing,
        ),
        (
            task("store.set", json!({"key": "b", "value": "2"})),
            null(),
            Nothing,
        ),
        (
            task("store.get", json!({"key": "a"})),
            Ok(json!("1")),
            Nothing,
        ),
        (
            task("store.keys", json!({"prefix": "", "limit": 9})),
            Ok(json!(["a", "b"])),
            Nothing,
        ),
        (
            task(
                "store.keys",
                json!({"prefix": "", "after": "a", "limit": 9}),
            ),
            Ok(json!(["b"])),
            Nothing,
        ),
        (task("store.delete", json!({"key": "a"})), null(), Nothing),
        (
            task("store.keys", json!({"prefix": "", "limit": 9})),
            Ok(json!(["b"])),
            Nothing,
        ),
        (
            task("secrets.reveal", json!({"name": "token"})),
            Ok(json!("the-token")),
            Nothing,
        ),
        (
            task("secrets.reveal", json!({"name": "canary"})),
            Error("canary"),
            Nothing,
        ),
        (
            task("files.read", json!({"path": file, "offset": 6, "limit": 6})),
            Ok(json!("second")),
            Nothing,
        ),
        (
            task(
                "files.read",
                json!({"path": format!("{folder}/missing.log"), "limit": 6}),
            ),
            Error("Missing"),
            Nothing,
        ),
        (
            task("files.read", json!({"path": "/etc/hostname", "limit": 6})),
            Error("NotGranted"),
            Nothing,
        ),
        (
            task("files.follow", json!({"path": file})),
            null(),
            Input(&["FileLines", "\"first\", \"second\""]),
        ),
        (
            task(
                "files.watch",
                json!({"path": format!("{folder}/watched.log")}),
            ),
            null(),
            Write("watched.log", "x", &["FileChanged", "watched.log"]),
        ),
        (
            task("system.snapshot", json!({})),
            Like(|figures| {
                figures
                    .as_object()
                    .is_some_and(|figures| !figures.is_empty())
            }),
            Nothing,
        ),
        (
            task(
                "commands.run",
                json!({"name": "hello", "arguments": [["who", "you; ls"]]}),
            ),
            Ok(json!({"exit_code": 0, "stdout": "hello you; ls\n", "stderr": ""})),
            Nothing,
        ),
        (
            task("commands.run", json!({"name": "hello"})),
            Error("who"),
            Nothing,
        ),
        (
            task("commands.run", json!({"name": "fail"})),
            Ok(json!({"exit_code": 1, "stdout": "", "stderr": ""})),
            Nothing,
        ),
        (
            task("gateway.stats", json!({})),
            Like(|stats| {
                stats["connections"] == 1
                    && stats["dialects"] == json!({"native": 1})
                    && stats["messages_received"].as_u64() > Some(10)
                    && stats["bytes_received"].as_u64() > Some(100)
                    && stats["bytes_sent"].as_u64() > Some(1000)
                    && stats["connection_errors"] == 0
                    && stats["events_by_kind"]["test.done"]["deliveries"].as_u64() > Some(0)
                    && stats["events_by_kind"]["test.done"]["mean_latency_us"].as_u64() > Some(0)
            }),
            Nothing,
        ),
        (
            task("gateway.clients", json!({"offset": 0, "limit": 5})),
            Like(|page| {
                let one = &page["connections"][0];
                page["total"] == 1
                    && one["address"].is_string()
                    && one["authenticated"] == false
                    && one["bytes_sent"].as_u64() > Some(1000)
            }),
            Nothing,
        ),
        (
            task("gateway.clients", json!({"offset": 1, "limit": 5})),
            Like(|page| page["connections"] == json!([])),
            Nothing,
        ),
        (
            task(
                "gateway.send",
                json!({"audience": ["client:nobody"], "kind": "test.done", "topic": "test/out", "data": {}}),
            ),
            Ok(json!(0)),
            Nothing,
        ),
        (
            task(
                "publish",
                json!({"kind": "test.done", "topic": "test/input", "data": {"input": "of its own"}}),
            ),
            Like(Value::is_u64),
            Input(&["of its own"]),
        ),
        (
            task("http.fetch", json!({"url": format!("{url}/now")})),
            Like(|answer| {
                answer["status"] == 200 && answer["body"] == "/now" && answer["truncated"] == false
            }),
            Nothing,
        ),
        (
            task("http.start", json!({"url": format!("{url}/later")})),
            Like(Value::is_u64),
            Input(&["HttpDone", "status: 200"]),
        ),
    ];
    rows.extend(asking::rows());
    rows
}
