//! One host call each.

use hearthgate_plugin::files::StartAt;
use hearthgate_plugin::net::{
    HttpRequest, HttpResponse, TcpStream, TlsMode, WebSocket, WebSocketTarget,
};
use hearthgate_plugin::{
    Event, Identity, Rejection, calls, commands, files, gateway, log, log_with, metrics, retained,
    secrets, store, system, timers,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::time::Duration;

/// What a client may ask for: `{"call": "store.set", "key": "a", "value": "1"}`.
#[derive(Deserialize)]
#[serde(tag = "call")]
pub enum Task {
    #[serde(rename = "publish")]
    Publish {
        kind: String,
        topic: String,
        data: Value,
        #[serde(default)]
        labels: Vec<(String, String)>,
        #[serde(default)]
        retain: bool,
        #[serde(default)]
        audience: Vec<String>,
    },
    #[serde(rename = "log")]
    Log {
        level: String,
        message: String,
        #[serde(default)]
        fields: Vec<(String, String)>,
    },
    #[serde(rename = "metrics.add")]
    MetricsAdd {
        name: String,
        delta: u64,
        #[serde(default)]
        labels: Vec<(String, String)>,
    },
    #[serde(rename = "metrics.set")]
    MetricsSet { name: String, value: f64 },
    #[serde(rename = "metrics.observe")]
    MetricsObserve { name: String, value: f64 },
    #[serde(rename = "timers.after")]
    TimerAfter { ms: u64, tag: String },
    #[serde(rename = "timers.every")]
    TimerEvery { ms: u64, tag: String },
    #[serde(rename = "timers.cancel")]
    TimerCancel { id: u64 },
    #[serde(rename = "store.get")]
    StoreGet { key: String },
    #[serde(rename = "store.set")]
    StoreSet { key: String, value: String },
    #[serde(rename = "store.delete")]
    StoreDelete { key: String },
    #[serde(rename = "store.keys")]
    StoreKeys {
        prefix: String,
        #[serde(default)]
        after: Option<String>,
        limit: u32,
    },
    #[serde(rename = "secrets.reveal")]
    Reveal { name: String },
    #[serde(rename = "websocket.open")]
    WebSocketOpen {
        url: String,
        #[serde(default)]
        header: Option<(String, String)>,
    },
    #[serde(rename = "websocket.send")]
    WebSocketSend { connection: u64, text: String },
    #[serde(rename = "websocket.close")]
    WebSocketClose { connection: u64 },
    #[serde(rename = "tcp.connect")]
    TcpConnect {
        host: String,
        port: u16,
        #[serde(default)]
        tls: String,
    },
    #[serde(rename = "tcp.send")]
    TcpSend { connection: u64, text: String },
    #[serde(rename = "tcp.close")]
    TcpClose { connection: u64 },
    #[serde(rename = "http.fetch")]
    HttpFetch {
        url: String,
        #[serde(default)]
        header: Option<(String, String)>,
        #[serde(default)]
        timeout_ms: Option<u64>,
    },
    #[serde(rename = "http.start")]
    HttpStart { url: String },
    #[serde(rename = "files.read")]
    FilesRead {
        path: String,
        #[serde(default)]
        offset: u64,
        limit: u32,
    },
    #[serde(rename = "files.follow")]
    FilesFollow {
        path: String,
        #[serde(default)]
        cursor: Option<String>,
    },
    #[serde(rename = "files.watch")]
    FilesWatch { path: String },
    #[serde(rename = "system.snapshot")]
    System,
    #[serde(rename = "commands.run")]
    Command {
        name: String,
        #[serde(default)]
        arguments: Vec<(String, String)>,
    },
    #[serde(rename = "gateway.stats")]
    GatewayStats,
    #[serde(rename = "gateway.clients")]
    GatewayClients { offset: u32, limit: u32 },
    #[serde(rename = "gateway.send")]
    GatewaySend {
        audience: Vec<String>,
        kind: String,
        topic: String,
        data: Value,
    },
    #[serde(rename = "gateway.disconnect")]
    Disconnect {
        client: String,
        code: u16,
        reason: String,
    },
    #[serde(rename = "gateway.login")]
    Login { username: String, password: String },
    #[serde(rename = "gateway.refresh")]
    Refresh { token: String },
    #[serde(rename = "retained.read")]
    Retained {
        topics: Vec<String>,
        #[serde(default)]
        after: Option<String>,
        limit: u32,
    },
    #[serde(rename = "calls.call")]
    Call {
        kind: String,
        data: Value,
        #[serde(default)]
        subject: Option<String>,
    },
    #[serde(rename = "replies.later")]
    Later,
}

/// `{"ok": …}` or `{"error": …}`: a refusal by the host is an answer here, not a fault.
fn told<T: Debug, E: Debug>(outcome: Result<T, E>, ok: impl FnOnce(T) -> Value) -> Value {
    match outcome {
        Ok(value) => json!({"ok": ok(value)}),
        Err(error) => json!({"error": format!("{error:?}")}),
    }
}

fn done<E: Debug>(outcome: Result<(), E>) -> Value {
    told(outcome, |()| Value::Null)
}

fn pairs(list: &[(String, String)]) -> Vec<(&str, &str)> {
    list.iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

/// Makes the call.
pub fn perform(task: Task) -> Result<Value, Rejection> {
    Ok(match task {
        Task::Publish {
            kind,
            topic,
            data,
            labels,
            retain,
            audience,
        } => {
            let mut event = Event::new(kind, topic, &data).retain(retain);
            for (key, value) in labels {
                event = event.label(key, value);
            }
            for who in audience {
                event = event.audience(who);
            }
            told(event.publish(), Value::from)
        }
        Task::Log {
            level,
            message,
            fields,
        } => {
            let level = level
                .parse()
                .map_err(|_| Rejection::BadRequest("level: no such level".to_owned()))?;
            let fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| (key.as_str(), value as _))
                .collect();
            log_with(level, &message, &fields);
            log::trace!("a trace line");
            json!({"ok": null})
        }
        Task::MetricsAdd {
            name,
            delta,
            labels,
        } => {
            metrics::add(&name, delta, &pairs(&labels));
            json!({"ok": null})
        }
        Task::MetricsSet { name, value } => {
            metrics::set(&name, value, &[]);
            json!({"ok": null})
        }
        Task::MetricsObserve { name, value } => {
            metrics::observe(&name, value, &[]);
            json!({"ok": null})
        }
        Task::Reveal { name } => told(secrets::reveal(&name), Value::from),
        Task::System => told(system::snapshot_as::<Value>(), |figures| figures),
        Task::Command { name, arguments } => {
            told(commands::run(&name, &pairs(&arguments)), |outcome| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                json!({"exit_code": outcome.exit_code, "stdout": text(&outcome.stdout), "stderr": text(&outcome.stderr)})
            })
        }
        Task::GatewayStats => told(serde_json::from_str::<Value>(&gateway::stats()), |stats| {
            stats
        }),
        Task::GatewayClients { offset, limit } => told(
            serde_json::from_str::<Value>(&gateway::clients(offset, limit)),
            |clients| clients,
        ),
        Task::GatewaySend {
            audience,
            kind,
            topic,
            data,
        } => told(
            gateway::send(&audience, Event::new(kind, topic, &data)),
            Value::from,
        ),
        asked @ (Task::Disconnect { .. }
        | Task::Login { .. }
        | Task::Refresh { .. }
        | Task::Retained { .. }
        | Task::Call { .. }) => ask(asked),
        Task::Later => return Err(Rejection::BadRequest("call: not here".to_owned())),
        kept @ (Task::TimerAfter { .. }
        | Task::TimerEvery { .. }
        | Task::TimerCancel { .. }
        | Task::StoreGet { .. }
        | Task::StoreSet { .. }
        | Task::StoreDelete { .. }
        | Task::StoreKeys { .. }) => keep(kept),
        outside => reach(outside),
    })
}

/// The gateway and the other plugins.
fn ask(task: Task) -> Value {
    let session = |session: gateway::Session| json!({"subject": session.identity.subject, "access": session.access_token, "refresh": session.refresh_token, "expires_in": session.expires_in});
    match task {
        Task::Disconnect {
            client,
            code,
            reason,
        } => told(gateway::disconnect(&client, code, &reason), Value::from),
        Task::Login { username, password } => {
            told(gateway::login(&username, &password, "192.0.2.1"), session)
        }
        Task::Refresh { token } => told(gateway::refresh(&token), session),
        Task::Retained {
            topics,
            after,
            limit,
        } => {
            let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
            let found = retained::read(&topics, after.as_deref(), limit);
            told(found, |found| {
                let topics = found.into_iter().map(|published| published.event.topic);
                topics.collect::<Vec<_>>().into()
            })
        }
        Task::Call {
            kind,
            data,
            subject,
        } => {
            let identity = subject.map(|subject| Identity {
                subject,
                roles: vec![],
                claims: "{}".to_owned(),
            });
            told(calls::call(&kind, &data, identity.as_ref()), |reply| {
                serde_json::from_str(&reply).unwrap_or_default()
            })
        }
        _ => Value::Null,
    }
}

/// Timers and the store.
fn keep(task: Task) -> Value {
    match task {
        Task::TimerAfter { ms, tag } => {
            told(timers::after(Duration::from_millis(ms), &tag), Value::from)
        }
        Task::TimerEvery { ms, tag } => {
            told(timers::every(Duration::from_millis(ms), &tag), Value::from)
        }
        Task::TimerCancel { id } => {
            timers::cancel(id);
            json!({"ok": null})
        }
        Task::StoreGet { key } => told(store::get(&key), |value| {
            value.map_or(Value::Null, |bytes| String::from_utf8_lossy(&bytes).into())
        }),
        Task::StoreSet { key, value } => done(store::set(&key, value.as_bytes())),
        Task::StoreDelete { key } => done(store::delete(&key)),
        Task::StoreKeys {
            prefix,
            after,
            limit,
        } => told(store::keys(&prefix, after.as_deref(), limit), Value::from),
        _ => Value::Null,
    }
}

/// The network and files.
fn reach(task: Task) -> Value {
    let answered = |response: HttpResponse| {
        let body = String::from_utf8_lossy(&response.body);
        json!({"status": response.status, "headers": response.headers, "body": body, "truncated": response.truncated})
    };
    match task {
        Task::WebSocketOpen { url, header } => {
            let mut target = WebSocketTarget::new(url);
            if let Some((name, template)) = header {
                target = target.header(name, template);
            }
            told(target.open(), |socket| socket.0.into())
        }
        Task::WebSocketSend { connection, text } => done(WebSocket(connection).send_template(text)),
        Task::WebSocketClose { connection } => {
            WebSocket(connection).close(1000, "told to");
            json!({"ok": null})
        }
        Task::TcpConnect { host, port, tls } => {
            let tls = match tls.as_str() {
                "verified" => TlsMode::Verified,
                "unverified" => TlsMode::Unverified,
                _ => TlsMode::None,
            };
            told(TcpStream::connect(&host, port, tls), |stream| {
                stream.0.into()
            })
        }
        Task::TcpSend { connection, text } => done(TcpStream(connection).send(text.as_bytes())),
        Task::TcpClose { connection } => {
            TcpStream(connection).close();
            json!({"ok": null})
        }
        Task::HttpFetch {
            url,
            header,
            timeout_ms,
        } => {
            let mut request = HttpRequest::get(url);
            if let Some((name, template)) = header {
                request = request.header(name, template);
            }
            if let Some(ms) = timeout_ms {
                request = request.timeout(Duration::from_millis(ms));
            }
            told(request.fetch(), answered)
        }
        Task::HttpStart { url } => told(HttpRequest::get(url).start(), Value::from),
        Task::FilesRead {
            path,
            offset,
            limit,
        } => told(files::read(&path, offset, limit), |bytes| {
            String::from_utf8_lossy(&bytes).into()
        }),
        Task::FilesFollow { path, cursor } => {
            let start = match cursor.as_deref() {
                None | Some("beginning") => StartAt::Beginning,
                Some("end") => StartAt::End,
                Some(cursor) => StartAt::Cursor(cursor.to_owned()),
            };
            done(files::follow(&path, &start))
        }
        Task::FilesWatch { path } => done(files::watch(&path)),
        _ => Value::Null,
    }
}
