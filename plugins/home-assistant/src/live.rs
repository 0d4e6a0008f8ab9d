//! Messages, one by one: the login, answers, and what happens in the home.

use crate::model::Occasion;
use crate::registry::Which;
use crate::scan::{Frame, Message, Span};
use crate::session::Asked;
use crate::work::LARGEST_PIECE;
use crate::*;

impl HomeAssistant {
    pub fn on_message(&mut self, frame: &mut Frame, message: &Message) -> Result<(), Failure> {
        let part = |span: &Option<Span>| span.as_ref().map_or("", |span| frame.slice(span));
        match part(&message.kind) {
            r#""event""# => self.on_event_message(frame, message),
            r#""result""# => self.on_result(frame, message),
            r#""pong""# => self.on_pong(part(&message.id)),
            r#""auth_required""# => return self.on_greeting(frame.slice(&message.whole)),
            r#""auth_ok""# => self.on_login(frame.slice(&message.whole)),
            r#""auth_invalid""# => return Err(self.on_refused(frame.slice(&message.whole))),
            _ => {
                let whole = frame.slice(&message.whole);
                self.model
                    .complaints
                    .add("a message of an unknown type", whole);
            }
        }
        Ok(())
    }

    fn on_greeting(&mut self, text: &str) -> Result<(), Failure> {
        let login: wire::Login = serde_json::from_str(text).unwrap_or_default();
        self.version = login.ha_version;
        match self.line.log_in() {
            Ok(()) => Ok(()),
            Err(net::NetError::NotGranted(reason)) => {
                Err(Failure::misconfigured("secrets.token", reason))
            }
            Err(error) => {
                log_with(
                    Level::Warn,
                    "the login could not be sent",
                    &[("reason", &error)],
                );
                self.line.close("the login could not be sent");
                Ok(())
            }
        }
    }

    fn on_login(&mut self, text: &str) {
        if self.line.logged_in() {
            self.begin();
        } else {
            self.model
                .complaints
                .add("a login that nobody asked for", text);
        }
    }

    /// The token was refused: trying again would only have Home Assistant ban this address.
    fn on_refused(&mut self, text: &str) -> Failure {
        let login: wire::Login = serde_json::from_str(text).unwrap_or_default();
        let why = login
            .message
            .unwrap_or_else(|| "no reason given".to_owned());
        let reason = format!("Home Assistant refused the token: {why}");
        self.tell_status(AdapterState::Failed, Some(reason.clone()));
        let model = &mut self.model;
        outbox::flush(&mut model.outbox, &mut model.complaints);
        Failure::unauthorized(reason)
    }

    fn on_pong(&mut self, id: &str) {
        let known = number(id).and_then(|id| self.line.session()?.answered(id));
        if known.is_none() {
            self.model.complaints.add("an answer to no question", id);
        }
    }

    fn on_result(&mut self, frame: &mut Frame, message: &Message) {
        let part = |span: &Option<Span>| span.as_ref().map(|span| frame.slice(span));
        let id = part(&message.id).and_then(number);
        let asked = id.and_then(|id| Some((id, self.line.session()?.answered(id)?)));
        let Some((id, asked)) = asked else {
            let whole = frame.slice(&message.whole);
            return self.model.complaints.add("an answer to no question", whole);
        };
        let result = part(&message.result);
        let outcome = match part(&message.success) {
            Some("true") => Ok(result.unwrap_or("null")),
            _ => Err(part(&message.error)
                .and_then(|e| serde_json::from_str(e).ok())
                .unwrap_or_default()),
        };
        match (asked, outcome) {
            (Asked::Call(request), outcome) => self.answer_call(request, outcome),
            (Asked::Registry(_) | Asked::States, Ok(_)) => self.begin_list(frame, message, asked),
            (Asked::Registry(_) | Asked::States, Err(error)) => self.step_refused(asked, &error),
            (Asked::Config, Ok(config)) => {
                if let Ok(config) = serde_json::from_str(config) {
                    self.on_config(&config);
                }
            }
            (Asked::Events { optional }, Err(error)) => self.on_no_events(id, optional, &error),
            _ => {}
        }
    }

    fn begin_list(&mut self, frame: &mut Frame, message: &Message, asked: Asked) {
        if message
            .result
            .as_ref()
            .is_some_and(|result| frame.open_list(result))
        {
            return self.begin_reading(asked);
        }
        let error = wire::Error {
            code: "invalid_format".to_owned(),
            message: "the answer is no list".to_owned(),
        };
        self.step_refused(asked, &error);
    }

    /// A token of no administrator is told of states and registries, but not of automations and calls.
    fn on_no_events(&mut self, id: u64, optional: bool, error: &wire::Error) {
        if let Some(session) = self.line.session() {
            session.unsubscribed(id);
        }
        let fields: [(&str, &dyn std::fmt::Display); 2] =
            [("code", &error.code), ("reason", &error.message)];
        if optional {
            return log_with(
                Level::Warn,
                "some events are not told to this token",
                &fields,
            );
        }
        log_with(
            Level::Error,
            "home assistant refuses a subscription",
            &fields,
        );
        self.line.close("a subscription was refused");
    }

    fn on_event_message(&mut self, frame: &Frame, message: &Message) {
        let whole = frame.slice(&message.whole);
        let complain = |model: &mut Model, cause| model.complaints.add(cause, whole);
        let id = message.id.as_ref().and_then(|id| number(frame.slice(id)));
        let known = id
            .zip(self.line.session_ref())
            .is_some_and(|(id, session)| session.is_subscription(id));
        if !known {
            return complain(&mut self.model, "an event of no subscription");
        }
        if whole.len() > 2 * LARGEST_PIECE {
            return complain(&mut self.model, "an event larger than 2 MiB");
        }
        let event = message
            .event
            .as_ref()
            .map_or("null", |event| frame.slice(event));
        let taken =
            serde_json::from_str::<wire::Event<'_>>(event).and_then(|event| self.on_event(&event));
        if taken.is_err() {
            complain(&mut self.model, "an event that does not fit");
        }
    }

    fn on_event(&mut self, event: &wire::Event<'_>) -> serde_json::Result<()> {
        let at = event.time_fired.as_deref().and_then(wire::millis);
        match &*event.event_type {
            "state_changed" => {
                let change: wire::StateChanged<'_> = serde_json::from_str(event.data.get())?;
                self.on_state(&change);
            }
            "automation_triggered" => {
                let data: wire::AutomationTriggered = serde_json::from_str(event.data.get())?;
                let model = &mut self.model;
                let place = model.registry.place(&data.entity_id);
                if model.filter.takes(&data.entity_id, place.room.as_deref()) {
                    let event = model.facts.automation(&data, &place);
                    model.outbox.push(outbox::at(event, at));
                }
            }
            "call_service" => {
                let call: wire::CallService = serde_json::from_str(event.data.get())?;
                let model = &mut self.model;
                let entities = facts::named_entities(&call.service_data);
                if model.filter.takes_call(&call.domain, &entities) {
                    let event = model.facts.service(call, &model.registry);
                    model.outbox.push(outbox::at(event, at));
                }
            }
            other => match Which::ALL.into_iter().find(|which| which.event() == other) {
                Some(which) => self.registry_changed(which),
                None => self
                    .model
                    .complaints
                    .add("an event of an unknown type", other),
            },
        }
        Ok(())
    }

    fn on_state(&mut self, change: &wire::StateChanged<'_>) {
        let before = self.model.home.len();
        match &change.new_state {
            Some(state) => {
                let old = change.old_state.as_ref().map(|old| &*old.state);
                self.model.take(state, old, Occasion::Now);
            }
            None => self.model.remove(&change.entity_id),
        }
        if self.model.home.len() != before && self.sync.is_none() {
            // A room has one more or less.
            self.wakes.settle_after(self.config.registry_delay);
        }
    }
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}
