//! A handler and a route without any state: repeats what it is told. See `tests/guests/README.md`.

use hearthgate_plugin::{
    Answer, Client, Event, Failure, HttpAnswer, HttpCall, HttpReply, Plugin, Rejection, Request,
    Start, log, net::HttpRequest,
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Config {
    prefix: String,
}

struct Parrot {
    config: Config,
    instance: String,
}

#[derive(Deserialize)]
struct Refusal {
    how: String,
    message: String,
}

fn refuse(refusal: Refusal) -> Rejection {
    match refusal.how.as_str() {
        "bad-request" => Rejection::BadRequest(refusal.message),
        "forbidden" => Rejection::Forbidden(refusal.message),
        "not-found" => Rejection::NotFound(refusal.message),
        "unavailable" => Rejection::Unavailable(refusal.message),
        other => Rejection::BadRequest(format!("how: no such refusal: {other}")),
    }
}

/// Waits for another server, and says so once it has answered.
fn fetch(url: &str) -> HttpAnswer {
    let fetched = HttpRequest::get(url).fetch();
    let data = json!({"fetched": fetched.is_ok()});
    match Event::new("test.parrot", "test/parrot", &data).publish() {
        Ok(_) => HttpReply::json(200, &data).into(),
        Err(error) => HttpReply::text(503, error.to_string()).into(),
    }
}

impl Plugin for Parrot {
    type Config = Config;

    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        Ok(Self {
            config,
            instance: start.instance.clone(),
        })
    }

    fn handle(&mut self, client: Client, request: Request) -> Result<Answer, Rejection> {
        match request.kind.as_str() {
            "parrot.refuse" => Err(refuse(request.data()?)),
            "parrot.trap" => panic!("told to trap"),
            "parrot.loop" => {
                log::warn!("looping");
                loop {
                    std::hint::black_box(());
                }
            }
            _ => Answer::json(&json!({
                "heard": request.data::<Value>()?,
                "prefix": self.config.prefix,
                "instance": self.instance,
                "from": {"id": client.id, "address": client.address, "subject": client.identity.map(|i| i.subject)},
            })),
        }
    }

    fn serve(&mut self, call: HttpCall) -> HttpAnswer {
        if let Some((_, url)) = call.query.iter().find(|(key, _)| key == "fetch") {
            return fetch(url);
        }
        let body = String::from_utf8_lossy(&call.body);
        let status = call.query.iter().find(|(key, _)| key == "status");
        let status = status
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(200);
        let heard = json!({
            "method": call.method, "path": call.path, "query": call.query, "headers": call.headers,
            "body": body, "address": call.address, "prefix": self.config.prefix,
        });
        HttpReply::json(status, &heard).into()
    }
}

hearthgate_plugin::plugin!(Parrot: handler, routes);
