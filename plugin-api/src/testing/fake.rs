//! The host's functions as the plugin calls them, with the same signatures as the generated ones.

use super::{HOST, Host};

fn host<R>(run: impl FnOnce(&mut Host) -> R) -> R {
    HOST.with_borrow_mut(run)
}

/// The id of the call of that number: far from those that tests choose.
pub(super) fn id(number: u64) -> u64 {
    1000 + number
}

/// Notes a call, and gives an id that no earlier one had.
fn note(call: String) -> u64 {
    host(|host| {
        host.calls.push(call);
        host.last_id += 1;
        id(host.last_id)
    })
}

fn not_granted(what: &str) -> String {
    format!("{what} is not set up in this test")
}

pub mod bus {
    use crate::PublishError;
    use crate::wit::host::{bus::Refusal, types::Event};

    pub fn publish(events: &[Event]) -> Result<u64, Refusal> {
        super::host(|host| {
            if let Some(answer) = &mut host.publish {
                answer(events).map_err(refusal)?;
            }
            host.published.extend_from_slice(events);
            host.last_id += events.len() as u64;
            Ok(host.last_id)
        })
    }

    fn refusal(error: PublishError) -> Refusal {
        let at = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        match error {
            PublishError::NotGranted(what) => Refusal::NotGranted(what),
            PublishError::Invalid { index, reason } => Refusal::Invalid((at(index), reason)),
            PublishError::Throttled(wait) => Refusal::Throttled(crate::millis(wait)),
            PublishError::TooLarge { index } => Refusal::TooLarge(at(index)),
        }
    }
}

pub mod log {
    use crate::wit::host::log::Level;

    pub fn enabled(_level: Level) -> bool {
        true
    }

    pub fn emit(level: Level, message: &str, fields: &[(String, String)]) {
        let fields: String = fields.iter().map(|(k, v)| format!(" {k}={v}")).collect();
        let level = format!("{level:?}").to_uppercase();
        super::host(|host| host.logged.push(format!("{level} {message}{fields}")));
    }
}

pub mod metrics {
    pub fn add(name: &str, delta: u64, labels: &[(String, String)]) {
        super::note(format!("metrics.add {name} {delta} {labels:?}"));
    }

    pub fn set(name: &str, value: f64, labels: &[(String, String)]) {
        super::note(format!("metrics.set {name} {value} {labels:?}"));
    }

    pub fn observe(name: &str, value: f64, labels: &[(String, String)]) {
        super::note(format!("metrics.observe {name} {value} {labels:?}"));
    }
}

pub mod timers {
    pub fn after(delay: u64, tag: &str) -> Result<u64, String> {
        Ok(super::note(format!("timers.after {delay} {tag}")))
    }

    pub fn every(period: u64, tag: &str) -> Result<u64, String> {
        Ok(super::note(format!("timers.every {period} {tag}")))
    }

    pub fn cancel(id: u64) {
        super::note(format!("timers.cancel {id}"));
    }
}

pub mod store {
    use crate::wit::host::store::StoreError;

    pub fn get(key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(super::host(|host| host.store.get(key).cloned()))
    }

    pub fn set(key: &str, value: &[u8]) -> Result<(), StoreError> {
        super::host(|host| host.store.insert(key.to_owned(), value.to_owned()));
        Ok(())
    }

    pub fn delete(key: &str) -> Result<(), StoreError> {
        super::host(|host| host.store.remove(key));
        Ok(())
    }

    pub fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        Ok(super::host(|host| {
            let keys = host.store.keys().filter(|key| key.starts_with(prefix));
            let later = keys.filter(|key| after.is_none_or(|after| key.as_str() > after));
            later.take(limit as usize).cloned().collect()
        }))
    }
}

pub mod secrets {
    pub fn reveal(name: &str) -> Result<String, String> {
        Err(super::not_granted(name))
    }
}

pub mod websocket {
    use crate::net::NetError;
    use crate::wit::host::net::{CloseInfo, HeaderValue, WsMessage};

    pub fn open(
        url: &str,
        _protocols: &[String],
        _headers: &[(String, HeaderValue)],
    ) -> Result<u64, NetError> {
        match super::host(|host| host.net_error.clone()) {
            Some(error) => Err(error),
            None => Ok(super::note(format!("websocket.open {url}"))),
        }
    }

    pub fn send(connection: u64, messages: &[WsMessage]) -> Result<(), NetError> {
        super::note(format!("websocket.send {connection} {messages:?}"));
        Ok(())
    }

    pub fn close(connection: u64, info: &CloseInfo) {
        super::note(format!("websocket.close {connection} {}", info.code));
    }
}

pub mod tcp {
    use crate::net::NetError;
    use crate::wit::host::net::TlsMode;

    pub fn connect(host: &str, port: u16, tls: TlsMode) -> Result<u64, NetError> {
        match super::host(|host| host.net_error.clone()) {
            Some(error) => Err(error),
            None => Ok(super::note(format!("tcp.connect {host} {port} {tls:?}"))),
        }
    }

    pub fn send(connection: u64, data: &[u8]) -> Result<(), NetError> {
        super::note(format!(
            "tcp.send {connection} {}",
            String::from_utf8_lossy(data)
        ));
        Ok(())
    }

    pub fn close(connection: u64) {
        super::note(format!("tcp.close {connection}"));
    }
}

pub mod http {
    use crate::net::NetError;
    use crate::wit::host::net::{HttpRequest, HttpResponse};

    pub fn start(request: &HttpRequest) -> Result<u64, NetError> {
        match super::host(|host| host.net_error.clone()) {
            Some(error) => Err(error),
            None => Ok(super::note(format!(
                "http.start {} {}",
                request.method, request.url
            ))),
        }
    }

    pub fn fetch(request: &HttpRequest) -> Result<HttpResponse, NetError> {
        let answer = super::host(|host| host.fetch.take());
        let Some(mut answer) = answer else {
            return Err(NetError::NotGranted(super::not_granted(&request.url)));
        };
        let response = answer(request);
        super::host(|host| host.fetch = Some(answer));
        response
    }
}

pub mod files {
    use crate::wit::host::files::{FileError, StartAt};

    pub fn read(path: &str, _offset: u64, _limit: u32) -> Result<Vec<u8>, FileError> {
        Err(FileError::NotGranted(super::not_granted(path)))
    }

    pub fn follow(path: &str, start: &StartAt) -> Result<(), FileError> {
        super::note(format!("files.follow {path} {start:?}"));
        Ok(())
    }

    pub fn watch(path: &str) -> Result<(), FileError> {
        super::note(format!("files.watch {path}"));
        Ok(())
    }
}

pub mod system {
    pub fn snapshot() -> Result<String, String> {
        let answer = super::host(|host| host.system.take());
        let mut answer = answer.ok_or_else(|| super::not_granted("system"))?;
        let snapshot = answer();
        super::host(|host| host.system = Some(answer));
        snapshot
    }
}

pub mod commands {
    use crate::wit::host::commands::Outcome;

    pub fn run(name: &str, _arguments: &[(String, String)]) -> Result<Outcome, String> {
        Err(super::not_granted(name))
    }
}

pub mod replies {
    use crate::wit::host::types::{HttpReply, Rejection};

    pub fn message(request: u64, outcome: Result<&str, &Rejection>) {
        super::note(format!("replies.message {request} {outcome:?}"));
    }

    pub fn http(request: u64, reply: &HttpReply) {
        super::note(format!("replies.http {request} {}", reply.status));
    }
}

pub mod retained {
    use crate::wit::host::types::Published;

    pub fn read(
        topics: &[String],
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Published>, String> {
        Ok(super::host(|host| {
            host.retained_asked.extend_from_slice(topics);
            let later = |p: &&Published| after.is_none_or(|after| p.event.topic.as_str() > after);
            let found = host.retained.iter().filter(later);
            found.take(limit as usize).cloned().collect()
        }))
    }
}

pub mod calls {
    use crate::wit::host::types::{CallError, Identity};

    pub fn call(kind: &str, data: &str, caller: Option<&Identity>) -> Result<String, CallError> {
        let Some(mut answer) = super::host(|host| host.call.take()) else {
            return Err(CallError::UnknownType);
        };
        let outcome = answer(kind, data, caller);
        super::host(|host| host.call = Some(answer));
        outcome
    }
}

pub mod gateway {
    use crate::wit::host::gateway::{LoginError, Session};
    use crate::wit::host::types::Event;

    pub fn stats() -> String {
        super::host(|host| host.stats.clone()).unwrap_or_else(|| "{}".to_owned())
    }

    pub fn clients(_offset: u32, _limit: u32) -> String {
        super::host(|host| host.clients.clone()).unwrap_or_else(|| "{}".to_owned())
    }

    pub fn disconnect(client: &str, code: u16, reason: &str) -> Result<bool, String> {
        super::note(format!("gateway.disconnect {client} {code} {reason}"));
        Ok(true)
    }

    pub fn login(username: &str, _password: &str, _address: &str) -> Result<Session, LoginError> {
        super::note(format!("gateway.login {username}"));
        let session = super::host(|host| host.session.clone());
        session.ok_or(LoginError::InvalidCredentials)
    }

    pub fn refresh(_token: &str) -> Result<Session, LoginError> {
        super::note("gateway.refresh".to_owned());
        let session = super::host(|host| host.session.clone());
        session.ok_or(LoginError::InvalidCredentials)
    }

    pub fn send(audience: &[String], event: &Event) -> Result<u32, String> {
        super::note(format!("gateway.send {audience:?} {}", event.kind));
        Ok(0)
    }
}
