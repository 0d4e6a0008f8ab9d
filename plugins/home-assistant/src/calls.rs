//! What clients ask: a service to be called, and states.

use crate::filter::domain_of;
use crate::home::Known;
use crate::session::Asked;
use crate::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// Most calls that wait for Home Assistant's answer at once.
const MOST_CALLS: usize = 64;
/// Most states of one answer, and the bytes after which it ends.
const MOST_STATES: usize = 500;
const MOST_BYTES: usize = 256 << 10;

/// Data of `call_service`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    domain: String,
    service: String,
    #[serde(default)]
    target: Map<String, Value>,
    #[serde(default)]
    service_data: Map<String, Value>,
    #[serde(default)]
    return_response: bool,
}

/// One or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// Data of `get_states`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    entity_id: Option<OneOrMany>,
    domain: Option<String>,
    /// The last entity of the answer before.
    after: Option<String>,
    limit: Option<usize>,
}

/// A state in an answer.
#[derive(Serialize)]
struct Told<'a> {
    entity_id: String,
    entity_type: &'a str,
    state: &'a str,
    attributes: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    area_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_updated: Option<String>,
}

/// The answer to `get_states`.
#[derive(Serialize)]
struct States<'a> {
    states: Vec<Told<'a>>,
    /// Where to go on: ask again `after` this one. Absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// Whether this is how the home is: it was read whole, is not being read anew, and tells of its changes.
    synchronised: bool,
}

impl HomeAssistant {
    /// `call_service`: Home Assistant's answer comes later.
    pub fn call_service(&mut self, request: &Request) -> Result<Answer, Rejection> {
        let mut call: Call = request.data()?;
        let name = format!("{}.{}", call.domain, call.service);
        if !self.config.call.allows(&name) {
            return Err(Rejection::Forbidden(format!(
                "{name} may not be called here"
            )));
        }
        for data in [&mut call.target, &mut call.service_data] {
            self.with_own_ids(data);
        }
        let timeout = self.config.call_timeout;
        let Some(session) = self.line.session() else {
            return Err(Rejection::Unavailable("Home Assistant is away".to_owned()));
        };
        if session.calls() >= MOST_CALLS {
            let reason = format!("{MOST_CALLS} calls wait for Home Assistant already");
            return Err(Rejection::Unavailable(reason));
        }
        let mut message = json!({
            "type": "call_service", "domain": call.domain, "service": call.service,
            "service_data": call.service_data,
        });
        if !call.target.is_empty() {
            message["target"] = call.target.into();
        }
        if call.return_response {
            message["return_response"] = true.into();
        }
        let sent = session.ask(Asked::Call(request.id), message);
        sent.map_err(|error| Rejection::Unavailable(format!("Home Assistant is away: {error}")))?;
        self.wakes.look_after_calls(timeout);
        Ok(Answer::Later)
    }

    /// Ids in a call are the gateway's; Home Assistant wants its own.
    fn with_own_ids(&self, data: &mut Map<String, Value>) {
        for key in ["entity_id", "area_id", "floor_id"] {
            let ids = match data.get_mut(key) {
                Some(Value::Array(ids)) => ids.as_mut_slice(),
                Some(id) => std::slice::from_mut(id),
                None => continue,
            };
            for id in ids {
                if let Value::String(text) = id {
                    *text = self.model.facts.ids.own(text).into_owned();
                }
            }
        }
    }

    /// Home Assistant's answer to a call: its result, or its error as a rejection of the same sort.
    pub fn answer_call(&mut self, request: RequestId, outcome: Result<&str, wire::Error>) {
        let outcome = match outcome {
            Ok(result) => serde_json::from_str::<&RawValue>(result)
                .map_err(|error| Rejection::Unavailable(error.to_string())),
            Err(error) => Err(rejection(error)),
        };
        replies::message(request, outcome.as_ref().map_err(Clone::clone));
    }

    /// Answers calls that nobody answers any more.
    pub fn refuse_calls(&mut self, calls: Vec<RequestId>, reason: &str) {
        for request in calls {
            let refused: Result<&Value, _> = Err(Rejection::Unavailable(reason.to_owned()));
            replies::message(request, refused);
        }
    }

    /// Gives up what has waited too long, and looks again where more waits.
    pub fn give_up_calls(&mut self) {
        let timeout = self.config.call_timeout;
        let Some(session) = self.line.session() else {
            return;
        };
        let late = session.overdue(timeout);
        if session.calls() > 0 {
            self.wakes.look_after_calls(timeout / 4);
        }
        let reason = format!(
            "Home Assistant did not answer within {timeout:?}; the call may still take effect"
        );
        self.refuse_calls(late, &reason);
    }

    /// `get_states`, from what is known here.
    pub fn get_states(&mut self, request: &Request) -> Result<Answer, Rejection> {
        let wanted: Wanted = match request.data.trim() {
            "null" => Wanted::default(),
            _ => request.data()?,
        };
        let ids = &self.model.facts.ids;
        let after = wanted.after.as_deref().map(|id| ids.own(id).into_owned());
        let limit = wanted.limit.unwrap_or(MOST_STATES).clamp(1, MOST_STATES);
        let home = &self.model.home;
        let logged_in = self.line.session_ref().is_some();
        let mut answer = States {
            states: Vec::new(),
            next: None,
            synchronised: self.synchronised && self.sync.is_none() && logged_in,
        };
        match (wanted.entity_id, &wanted.domain) {
            (Some(_), Some(_)) => {
                let reason = "entity_id or domain, not both";
                return Err(Rejection::BadRequest(reason.to_owned()));
            }
            (Some(named), None) => {
                let found = named.into_vec().into_iter().map(|id| {
                    let found = home.get_key_value(&ids.own(&id));
                    found.ok_or_else(|| {
                        Rejection::NotFound(format!("no entity {id:?} is known here"))
                    })
                });
                let found: Vec<_> = found.collect::<Result<_, _>>()?;
                self.fill(&mut answer, found.into_iter(), limit);
            }
            (None, Some(domain)) => {
                self.fill(&mut answer, home.of_domain(domain, after.as_deref()), limit);
            }
            (None, None) => self.fill(&mut answer, home.after(after.as_deref()), limit),
        }
        Answer::json(&answer)
    }

    /// Fills an answer up to its limits, and says where it was cut.
    fn fill<'a>(
        &'a self,
        answer: &mut States<'a>,
        entities: impl Iterator<Item = (&'a str, &'a Known)>,
        limit: usize,
    ) {
        let mut bytes = 0;
        for (id, known) in entities {
            if answer.states.len() >= limit || bytes > MOST_BYTES {
                answer.next = answer.states.last().map(|told| told.entity_id.clone());
                return;
            }
            bytes += known.attributes.get().len();
            answer.states.push(self.told(id, known));
        }
    }

    fn told<'a>(&'a self, id: &'a str, known: &'a Known) -> Told<'a> {
        let ids = &self.model.facts.ids;
        let room =
            |id: &Option<std::rc::Rc<str>>| id.as_deref().map(|id| ids.room(id).into_owned());
        let at = |millis| std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis);
        Told {
            entity_id: ids.entity(id).into_owned(),
            entity_type: domain_of(id),
            state: &known.state,
            attributes: &known.attributes,
            name: facts::name(id, known, &self.model.registry),
            room_id: room(&known.place.room),
            area_id: room(&known.place.area),
            last_updated: known.updated.map(|millis| rfc3339(at(millis))),
        }
    }
}

/// Home Assistant's error, with its code in brackets.
fn rejection(error: wire::Error) -> Rejection {
    let told = format!("{} ({})", error.message, error.code);
    match error.code.as_str() {
        "not_found" => Rejection::NotFound(told),
        "unauthorized" => Rejection::Forbidden(told),
        "invalid_format" | "service_validation_error" => Rejection::BadRequest(told),
        _ => Rejection::Unavailable(told),
    }
}
