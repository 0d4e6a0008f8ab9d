//! Between the contract's types and the gateway's own.

use super::api::{self, Action, Rejection, ReplyError};
use super::bindings::exports::hearthgate::plugin::{dialect, message_handler, routes, source};
use super::bindings::host::{net, types};
use super::input::{self, Input};
use super::replies::Answer;
use crate::auth::{Caller, Identity};
use crate::event::{Condition, Event, Filter, Kind, TopicFilter};
use serde_json::value::RawValue;

pub(super) fn net_error(error: &input::NetError) -> net::NetError {
    use input::NetError as E;
    match error {
        E::NotGranted(what) => net::NetError::NotGranted(what.clone()),
        E::Dns(what) => net::NetError::Dns(what.clone()),
        E::Refused => net::NetError::Refused,
        E::Timeout => net::NetError::Timeout,
        E::Tls(what) => net::NetError::Tls(what.clone()),
        E::Quota(what) => net::NetError::Quota(what.clone()),
        E::Protocol(what) => net::NetError::Protocol(what.clone()),
        E::Closed => net::NetError::Closed,
        E::Other(what) => net::NetError::Other(what.clone()),
    }
}

pub(super) fn http_response(response: &input::HttpResponse) -> net::HttpResponse {
    net::HttpResponse {
        status: response.status,
        headers: response.headers.clone(),
        body: response.body.to_vec(),
        truncated: response.truncated,
    }
}

/// An input for the guest. The host keeps the original: a crash would otherwise lose it.
pub(super) fn input(input: &Input) -> source::Input {
    match input {
        Input::Timer(id, tag) => source::Input::Timer((id.0, tag.clone())),
        Input::ConnectionOpened(id, opened) => {
            source::Input::ConnectionOpened((id.0, opened_socket(opened)))
        }
        Input::WsMessages(id, messages) => {
            source::Input::WsMessages((id.0, messages.iter().map(ws_message).collect()))
        }
        Input::TcpData(id, data) => source::Input::TcpData((id.0, data.to_vec())),
        Input::ConnectionClosed(id, info) => source::Input::ConnectionClosed((
            id.0,
            net::CloseInfo {
                code: info.code,
                reason: info.reason.clone(),
            },
        )),
        Input::ConnectionFailed(id, error) => {
            source::Input::ConnectionFailed((id.0, net_error(error)))
        }
        Input::HttpDone(id, outcome) => {
            let outcome = outcome.as_ref().map(http_response).map_err(net_error);
            source::Input::HttpDone((id.0, outcome))
        }
        Input::FileLines(path, lines, cursor) => source::Input::FileLines(source::Lines {
            path: path.clone(),
            lines: lines.clone(),
            cursor: cursor.clone(),
        }),
        Input::FileChanged(path) => source::Input::FileChanged(path.clone()),
    }
}

fn ws_message(message: &input::WsMessage) -> net::WsMessage {
    match message {
        input::WsMessage::Text(text) => net::WsMessage::Text(text.clone()),
        input::WsMessage::Binary(bytes) => net::WsMessage::Binary(bytes.to_vec()),
    }
}

fn opened_socket(opened: &input::Opened) -> net::Opened {
    net::Opened {
        peer: opened.peer.clone(),
        protocol: opened.protocol.clone(),
        certificate: opened.certificate.as_ref().map(|c| net::Certificate {
            subject: c.subject.clone(),
            issuer: c.issuer.clone(),
            not_before: c.not_before,
            not_after: c.not_after,
        }),
    }
}

pub(super) fn published(event: &Event) -> types::Published {
    let draft = &event.draft;
    let labels = draft
        .labels
        .iter()
        .map(|(k, v)| (k.to_owned(), v.to_owned()));
    types::Published {
        seq: event.seq,
        source: event.source.to_string(),
        received_at: event.received_at.as_millis(),
        event: types::Event {
            kind: draft.kind.as_str().to_owned(),
            topic: draft.topic.as_str().to_owned(),
            labels: labels.collect(),
            data: draft.data.get().to_owned(),
            occurred_at: draft.occurred_at.map(|t| t.as_millis()),
            retain: draft.retain,
            audience: draft.audience.iter().map(ToString::to_string).collect(),
        },
    }
}

pub(super) fn identity(identity: &Identity) -> types::Identity {
    types::Identity {
        subject: identity.subject.clone(),
        roles: identity.roles.clone(),
        claims: serde_json::Value::Object(identity.claims.clone()).to_string(),
    }
}

pub(super) fn caller(caller: &Caller) -> types::Caller {
    match caller {
        Caller::Anonymous => types::Caller::Anonymous,
        Caller::Invalid(why) => types::Caller::Invalid(why.clone()),
        Caller::Identified(who) => types::Caller::Identified(identity(&who.identity)),
    }
}

pub(super) fn call_error(error: ReplyError) -> types::CallError {
    match error {
        ReplyError::UnknownType => types::CallError::UnknownType,
        ReplyError::Rejected(why) => types::CallError::Rejected(match why {
            Rejection::BadRequest(why) => types::Rejection::BadRequest(why),
            Rejection::Forbidden(why) => types::Rejection::Forbidden(why),
            Rejection::NotFound(why) => types::Rejection::NotFound(why),
            Rejection::Unavailable(why) => types::Rejection::Unavailable(why),
        }),
        ReplyError::Failed(why) => types::CallError::Failed(why),
        ReplyError::Unavailable(why) => types::CallError::Unavailable(why),
    }
}

pub(super) fn client(client: api::Client) -> message_handler::Client {
    message_handler::Client {
        identity: client.identity.as_deref().map(identity),
        id: client.id,
        address: client.address,
    }
}

pub(super) fn http_call(id: u64, call: api::HttpCall) -> routes::HttpCall {
    routes::HttpCall {
        id,
        method: call.method,
        path: call.path,
        query: call.query,
        headers: call.headers,
        body: call.body,
        caller: caller(&call.caller),
        address: call.address,
    }
}

pub(super) fn dialect_client(client: api::DialectClient) -> dialect::Opened {
    dialect::Opened {
        caller: caller(&client.caller),
        address: client.address,
        id: client.id,
        path: client.path,
        query: client.query,
        session: client.session.to_string(),
    }
}

pub(super) fn rejection(rejection: types::Rejection) -> Rejection {
    match rejection {
        types::Rejection::BadRequest(why) => Rejection::BadRequest(why),
        types::Rejection::Forbidden(why) => Rejection::Forbidden(why),
        types::Rejection::NotFound(why) => Rejection::NotFound(why),
        types::Rejection::Unavailable(why) => Rejection::Unavailable(why),
    }
}

/// What a handler answered; a reply must be JSON.
pub(super) fn message_answer(outcome: Result<String, types::Rejection>) -> Answer {
    match outcome.map(RawValue::from_string) {
        Ok(Ok(json)) => Answer::Message(Ok(json)),
        Ok(Err(error)) => Answer::Failed(format!("its reply is not JSON: {error}")),
        Err(refused) => Answer::Message(Err(rejection(refused))),
    }
}

pub(super) fn http_answer(reply: types::HttpReply) -> Answer {
    Answer::Http(api::HttpReply {
        status: reply.status,
        headers: reply.headers,
        body: reply.body,
    })
}

/// A dialect's action, checked: filters and JSON come from the guest.
pub(super) fn action(action: dialect::Action) -> Result<Action, String> {
    Ok(match action {
        dialect::Action::Send(text) => Action::Send(text),
        dialect::Action::Subscribe((name, given)) => Action::Subscribe(name, filter(given)?),
        dialect::Action::Unsubscribe(name) => Action::Unsubscribe(name),
        dialect::Action::Authenticate(token) => Action::Authenticate(token),
        dialect::Action::Call((kind, data)) => {
            let data = RawValue::from_string(data)
                .map_err(|e| format!("the data of its call is not JSON: {e}"))?;
            Action::Call(kind, api::RawValueEq(data))
        }
        dialect::Action::SetSession(session) => Action::SetSession(session),
        // RFC 6455, section 7.4: the others are not a server's to send, or not to be sent at all. What 1000 and the codes
        // for bad messages mean to its clients is for the dialect to say.
        dialect::Action::Close((code, reason)) => match code {
            1000..=1003 | 1007..=1009 | 1011..=1014 | 3000..=4999 => Action::Close(code, reason),
            _ => {
                return Err(format!(
                    "it closes with {code}, a code that no server may close with"
                ));
            }
        },
    })
}

fn filter(filter: dialect::Filter) -> Result<Filter, String> {
    let condition = |c: dialect::Condition| Condition {
        label: c.label.into(),
        any_of: c.any_of.into_iter().map(Into::into).collect(),
        matches_when_absent: c.matches_when_absent,
    };
    let topics = filter.topics.iter().map(|t| TopicFilter::parse(t));
    let kinds = filter.kinds.iter().map(|k| Kind::parse(k));
    Ok(Filter {
        topics: topics.collect::<Result<_, _>>().map_err(|e| e.0)?,
        kinds: kinds.collect::<Result<_, _>>().map_err(|e| e.0)?,
        conditions: filter.conditions.into_iter().map(condition).collect(),
    })
}
