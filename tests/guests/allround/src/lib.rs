//! Does on command whatever the host offers, and tells what came of it: each message of type `do` is one host
//! call, each input is published. See `tests/guests/README.md`.

mod task;

use hearthgate_plugin::{
    Answer, Client, Event, Failure, HttpAnswer, HttpCall, Input, Plugin, Rejection, Request,
    RequestId, Start, TimerId, replies, timers,
};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "note")]
    _note: String,
}

/// What is answered when its timer runs out.
enum Late {
    Message(RequestId),
    Http(RequestId),
}

struct Allround {
    late: HashMap<TimerId, Late>,
}

impl Allround {
    fn answer_later(&mut self, late: Late) -> Result<(), Rejection> {
        let timer = timers::after(Duration::from_millis(50), "late");
        let timer = timer.map_err(|error| Rejection::Unavailable(error.to_string()))?;
        self.late.insert(timer, late);
        Ok(())
    }
}

impl Plugin for Allround {
    type Config = Config;

    fn init(_: &mut Start, _: Config) -> Result<Self, Failure> {
        Ok(Self {
            late: HashMap::new(),
        })
    }

    fn on_input(&mut self, input: Input) -> Result<(), Failure> {
        if let Input::Timer((id, _)) = &input
            && let Some(late) = self.late.remove(id)
        {
            match late {
                Late::Message(request) => replies::message(request, Ok(&json!({"late": true}))),
                Late::Http(request) => {
                    replies::http(request, &hearthgate_plugin::HttpReply::text(200, "late"));
                }
            }
            return Ok(());
        }
        let data = json!({"input": format!("{input:?}")});
        Event::new("test.done", "test/input", &data).publish()?;
        Ok(())
    }

    fn handle(&mut self, _: Client, request: Request) -> Result<Answer, Rejection> {
        match request.data()? {
            task::Task::Later => {
                self.answer_later(Late::Message(request.id))?;
                Ok(Answer::Later)
            }
            task => Answer::json(&task::perform(task)?),
        }
    }

    fn serve(&mut self, call: HttpCall) -> HttpAnswer {
        match self.answer_later(Late::Http(call.id)) {
            Ok(()) => HttpAnswer::Later,
            Err(error) => hearthgate_plugin::HttpReply::text(503, error.to_string()).into(),
        }
    }
}

hearthgate_plugin::plugin!(Allround: source, handler, routes);
