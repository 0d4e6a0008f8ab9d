//! Every host interface, called from a real guest: what each call answers, and what comes of it.

mod table;

use hearthgate_tests::peers::{HttpPeer, TcpPeer, WebSocketPeer};
use hearthgate_tests::{Admin, Client, Gateway, Setup, wait};
use serde_json::{Value, json};
use table::Then::{Input, Line, Metric, Nothing, Write};
use table::Told::{Error, Like, Ok};
use table::{Then, table};
use tokio::io::AsyncReadExt;

/// The names of the calls are in the guest's source; a call that no test names is missing here.
const TASKS: &str = include_str!("../../guests/allround/src/task.rs");
const TESTS: [&str; 3] = [
    include_str!("interfaces.rs"),
    include_str!("interfaces/table.rs"),
    include_str!("interfaces/table/asking.rs"),
];

async fn start(connect: &[String]) -> Gateway {
    let setup = Setup::new();
    let files = vec![format!("{}/*.log", setup.folder().display())];
    std::fs::write(setup.folder().join("lines.log"), "first\nsecond\n").expect("a folder");
    let (connect, files) = (json!(connect), json!(files));
    let source = format!(
        r#"
[sources.all]
plugin = "allround"
config = {{ connect = {connect}, files = {files} }}
secrets = {{ token = {{ env = "THE_TOKEN" }}, canary = {{ env = "THE_TOKEN" }} }}
[sources.all.grants]
handle = ["do"]
publish = ["test/#"]
connect = {connect}
files = {files}
reveal = ["token"]
subscribe = ["test/#"]
call = ["do", "parrot", "parrot.refuse", "nobody"]
gateway = ["stats", "clients", "send", "disconnect", "login"]
system = true
commands = {{ hello = {{ program = "/bin/echo", arguments = ["hello", "{{who}}"] }}, fail = {{ program = "/bin/false" }} }}
[handlers.polly]
plugin = "parrot"
grants = {{ handle = ["parrot", "parrot.refuse"] }}
"#
    );
    let routes =
        r#"routes = [{ path = "/ws", dialect = "native" }, { path = "/late", plugin = "all" }]"#;
    let setup = setup.listener(routes).plugin("allround").plugin("parrot");
    let setup = setup.toml(&source);
    let gateway = setup.variable("THE_TOKEN", "the-token").start().await;
    gateway.in_state("all", "running").await;
    gateway.in_state("polly", "running").await;
    gateway
}

async fn perform(client: &mut Client, task: &Value) -> Value {
    let reply = client.command("do", task.clone()).await;
    assert_eq!(reply["type"], "reply", "{task}: {reply}");
    reply["data"].clone()
}

/// Waits for an input of the guest with all of these in it.
async fn input(client: &mut Client, parts: &[&str]) -> Value {
    let has = |frame: &Value| {
        let text = frame["data"]["input"].as_str().unwrap_or_default();
        frame["topic"] == "test/input" && parts.iter().all(|part| text.contains(part))
    };
    client.find(&format!("an input with {parts:?}"), has).await
}

async fn comes_true(gateway: &Gateway, client: &mut Client, then: &Then) {
    match then {
        Nothing => {}
        Input(parts) => drop(input(client, parts).await),
        Metric(name, value) => {
            let name = format!("hearthgate_plugin_{name}");
            let metric = gateway.admin().metric(&name, &["instance=\"all\""]).await;
            assert!((metric - value).abs() < 1e-9, "{name}: {metric}");
        }
        Line(text) => {
            let wanted = |line: &hearthgate_tests::journal::Line| line.text.contains(text);
            let line = gateway.journal.line(text, wanted).await;
            assert_eq!(line.level, "WARN", "{}", line.text);
            assert!(line.text.contains("\"all\""), "{}", line.text);
        }
        Write(file, text, parts) => {
            std::fs::write(gateway.folder().join(file), text).expect("a folder");
            input(client, parts).await;
        }
    }
}

#[tokio::test]
async fn each_call_has_its_answer() {
    let peer = HttpPeer::start(|asked| hyper::Response::new(asked.path.clone().into())).await;
    let gateway = start(&[peer.url("")]).await;
    let mut client = gateway.client().await;
    client.watch(&["test/#"]).await;
    let folder = gateway.folder().display().to_string();
    for (task, told, then) in table(&folder, &peer.url("")) {
        let answer = perform(&mut client, &task).await;
        let fits = match &told {
            Ok(value) => answer.get("ok") == Some(value),
            Like(wanted) => answer.get("ok").is_some_and(wanted),
            Error(part) => answer["error"].as_str().is_some_and(|e| e.contains(part)),
        };
        assert!(fits, "{task}: {answer}");
        comes_true(&gateway, &mut client, &then).await;
    }
}

#[tokio::test]
async fn a_repeated_timer_goes_on_until_it_is_cancelled() {
    let gateway = start(&[]).await;
    let mut client = gateway.client().await;
    client.watch(&["test/#"]).await;
    let every = json!({"call": "timers.every", "ms": 10, "tag": "beat"});
    let id = perform(&mut client, &every).await["ok"].clone();
    for _ in 0..3 {
        input(&mut client, &["Timer", "\"beat\"", &id.to_string()]).await;
    }
    perform(&mut client, &json!({"call": "timers.cancel", "id": id})).await;
    client.take_kept();
    // Ten times the rhythm; what was in the mailbox already may still come, once.
    perform(
        &mut client,
        &json!({"call": "timers.after", "ms": 100, "tag": "end"}),
    )
    .await;
    input(&mut client, &["\"end\""]).await;
    let beats = client.take_kept().len();
    assert!(beats <= 1, "{beats} after it was cancelled");
}

#[tokio::test]
async fn sockets_open_send_and_close() {
    let (web, tcp) = (WebSocketPeer::start().await, TcpPeer::start().await);
    let gateway = start(&[web.url(), format!("tcp://{}", tcp.address())]).await;
    let mut client = gateway.client().await;
    client.watch(&["test/#"]).await;

    let open = json!({"call": "websocket.open", "url": web.url()});
    let id = perform(&mut client, &open).await["ok"].clone();
    let mut session = web.accept().await;
    input(&mut client, &["ConnectionOpened"]).await;
    perform(
        &mut client,
        &json!({"call": "websocket.send", "connection": id, "text": "hello ${token}"}),
    )
    .await;
    assert_eq!(session.next().await.as_deref(), Some("hello the-token"));
    session.send("welcome").await;
    input(&mut client, &["WsMessages", "welcome"]).await;
    perform(
        &mut client,
        &json!({"call": "websocket.close", "connection": id}),
    )
    .await;
    assert_eq!(session.next().await, None);

    let connect = json!({"call": "tcp.connect", "host": "127.0.0.1", "port": tcp.address().port()});
    let id = perform(&mut client, &connect).await["ok"].clone();
    let mut stream = tcp.accept().await;
    input(&mut client, &["ConnectionOpened"]).await;
    perform(
        &mut client,
        &json!({"call": "tcp.send", "connection": id, "text": "bytes"}),
    )
    .await;
    let mut bytes = [0; 5];
    wait::soon("bytes", stream.read_exact(&mut bytes))
        .await
        .expect("bytes");
    assert_eq!(&bytes, b"bytes");
    perform(&mut client, &json!({"call": "tcp.close", "connection": id})).await;
    let rest = wait::soon("the end", stream.read(&mut bytes)).await;
    assert_eq!(rest.expect("an end in good order"), 0);
}

#[tokio::test]
async fn answers_may_come_later() {
    let gateway = start(&[]).await;
    let mut client = gateway.client().await;
    let answer = perform(&mut client, &json!({"call": "replies.later"})).await;
    assert_eq!(answer, json!({"late": true}));
    let answer = Admin::new(gateway.address()).get("/late").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "late"));
}

#[test]
fn every_call_of_the_guest_is_tested() {
    let calls = TASKS.split("rename = \"").skip(1);
    let calls: Vec<&str> = calls.filter_map(|rest| rest.split('"').next()).collect();
    assert!(calls.len() > 25, "only {calls:?} were found");
    let untested = calls.iter().filter(|call| {
        let name = format!("\"{call}\"");
        !TESTS.iter().any(|text| text.contains(&name))
    });
    let untested: Vec<_> = untested.collect();
    assert!(untested.is_empty(), "add rows for {untested:?}");
}
