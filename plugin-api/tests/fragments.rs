//! Every Rust fragment of the README, compiled. Compared without white space, as fragments stand indented here, and up
//! to each empty line, as a constant can't stand within a trait's implementation.

#![allow(dead_code, unused_variables)]

use hearthgate_plugin::{net::*, *};
use std::time::Duration;

const README: &str = include_str!("../README.md");
const HERE: &str = include_str!("fragments.rs");
const CLOCK: &str = include_str!("../../tests/guests/clock/src/lib.rs");

fn dense(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn every_fragment_of_the_readme_compiles() {
    let known = dense(&format!("{HERE}{CLOCK}"));
    let fragments: Vec<&str> = README
        .split("```rust,ignore\n")
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next())
        .flat_map(|fragment| fragment.split("\n\n"))
        .collect();
    assert!(fragments.len() >= 7, "{} fragments", fragments.len());
    for fragment in fragments {
        assert!(
            known.contains(&dense(fragment)),
            "copy this to tests/fragments.rs, so that it is compiled:\n{fragment}"
        );
    }
}

#[rustfmt::skip]
fn events(events: Vec<Event>) -> Result<(), Failure> {
    use hearthgate_plugin::events::{DeviceState, DeviceStatus};
    use std::time::SystemTime;
    let data = DeviceStatus {
        ip: Some("192.168.1.7".to_owned()),
        ..DeviceStatus::new("pixel-7", "Pixel 7", DeviceState::Online, rfc3339(SystemTime::now()))
    };
    Event::of(&data).label("device", "pixel-7").publish()?;
    Event::new("acme.blink", "acme/lamp-1", &serde_json::json!({"times": 3})).retain(true).publish()?;
    publish_all(events)?;       // one call, all or none, in this order
    Ok(())
}

struct Teller {
    outbox: Outbox,
}

#[rustfmt::skip]
impl Teller {
    fn tell(&mut self, event: Event) -> Result<(), HostError> {
        self.outbox.push(event);                    // Outbox::new(1000): with no room the oldest makes way, and is counted
        let refused = |event: Event, why| log::warn!("{event} is refused: {why}");
        match self.outbox.flush(refused) {
            Some(wait) => timers::after(wait, "send").map(drop),      // on_timer calls `flush` again
            None => Ok(()),
        }
    }
}

struct Roles;
#[derive(serde::Deserialize)]
struct Blink {
    times: u32,
}

#[rustfmt::skip]
impl Plugin for Roles {
    type Config = NoConfig;
    fn init(_: &mut Start, _: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }
    // handler: a client's {"type": "blink", "data": {"times": 3}}
    fn handle(&mut self, client: Client, request: Request) -> Result<Answer, Rejection> {
        let blink: Blink = request.data()?;                     // refused with the field's name if it does not fit
        if blink.times > 10 {
            return Err(Rejection::BadRequest("times: at most 10".to_owned()));
        }
        Answer::json(&serde_json::json!({"blinked": blink.times}))
    }
    // subscriber
    fn on_events(&mut self, events: Vec<Published>) -> Result<(), Failure> {
        for published in events {
            log::info!("{} on {}", published.event.kind, published.event.topic);
        }
        Ok(())
    }
    // routes
    fn serve(&mut self, call: HttpCall) -> HttpAnswer {
        HttpReply::json(200, &serde_json::json!({"path": call.path})).into()
    }
    // dialect: the session is a text of yours that the host keeps with the connection
    fn on_open(&mut self, client: DialectClient) -> Vec<Action> {
        let all = Filter { topics: vec!["#".to_owned()], kinds: vec![], conditions: vec![] };
        vec![Action::Send("hello".to_owned()), Action::Subscribe(("all".to_owned(), all))]
    }
    fn encode(&mut self, events: Vec<Published>) -> Vec<Vec<String>> {
        events.into_iter().map(|published| vec![published.event.data]).collect()
    }
}

struct Poller {
    url: String,
}
#[derive(serde::Deserialize)]
struct Reading {
    celsius: f64,
}

impl Poller {
    fn publish(&mut self, _: &Reading) -> Result<(), Failure> {
        Ok(())
    }
}

#[rustfmt::skip]
impl Plugin for Poller {
    type Config = NoConfig;
    fn init(_: &mut Start, _: NoConfig) -> Result<Self, Failure> {
        Ok(Self { url: String::new() })
    }
    fn on_timer(&mut self, _: TimerId, _: &str) -> Result<(), Failure> {
        let request = HttpRequest::get(&self.url).header("authorization", "Bearer ${token}");
        request.timeout(Duration::from_secs(2)).start()?;
        Ok(())
    }
    fn on_input(&mut self, input: Input) -> Result<(), Failure> {
        match input {
            Input::HttpDone((_, Ok(answer))) if answer.status == 401 => {
                Err(Failure::unauthorized("the device refused the token"))
            }
            Input::HttpDone((_, Ok(answer))) => match answer.json::<Reading>() {
                Ok(reading) => self.publish(&reading),
                Err(error) => {                                 // not `?`: a bad answer is no crash
                    log::warn!("an answer is left out: {error}");
                    Ok(())
                }
            },
            Input::HttpDone((_, Err(error))) => {
                log::warn!("{error}");
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[derive(serde::Deserialize)]
struct Config {
    url: String,
    #[serde(deserialize_with = "duration")]
    period: Duration,
}
struct Linked {
    link: Link,
}

impl Linked {
    fn take(&mut self, _: &[WsMessage]) -> Result<(), Failure> {
        Ok(())
    }
}

#[rustfmt::skip]
impl Plugin for Linked {
    type Config = Config;
    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        let target = WebSocketTarget::new(config.url).header("authorization", "Bearer ${token}");
        Ok(Self { link: Link::start(start, target) })
    }
    fn on_input(&mut self, input: Input) -> Result<(), Failure> {
        match self.link.on_input(&input) {              // every input: its own timer comes this way too
            // A new socket: log in, subscribe, and read anew what was missed while it was down.
            Some(LinkEvent::Up(socket)) => socket.send_text(r#"{"type": "subscribe"}"#)?,
            Some(LinkEvent::Messages(_, messages)) => self.take(messages)?,     // WsMessage::Text and Binary
            Some(LinkEvent::Down { reason, retry_in }) => log::warn!("{reason}; again in {retry_in:?}"),
            None => {}
        }
        Ok(())
    }
}

struct Stateful {
    counts: Vec<u32>,
    link: Link,
}

#[rustfmt::skip]
const STATE: u32 = 1; // raise it when the form changes

#[rustfmt::skip]
impl Plugin for Stateful {
    type Config = Config;
    fn save(&self) -> Result<Option<State>, HostError> {
        State::json(STATE, &self.counts).map(Some)
    }
    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        let counts = start.state(STATE).unwrap_or_default();  // None: none, or of another schema (logged)
        start.every(config.period, "tick")?;                  // takes the old timer over, so no tick is missed
        let link = Link::start(start, WebSocketTarget::new(config.url));     // and the old socket
        Ok(Self { counts, link })
    }
}

mod clock {
    use super::*;

    struct Clock(u32);
    struct Config {
        interval: Duration,
    }

    impl Clock {
        fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
            start.every(config.interval, "tick")?;
            Ok(Self(0))
        }

        fn on_timer(&mut self, _: TimerId, _: &str) -> Result<(), Failure> {
            self.0 += 1;
            let data =
                events::DeviceMetrics::new("clock", [("ticks".to_owned(), f64::from(self.0))]);
            Event::of(&data).publish()?;
            Ok(())
        }
    }

    #[rustfmt::skip]
    #[test]
    fn it_ticks() {
        let mut start = testing::start("fresh", None, vec![], vec![]);
        let mut clock = Clock::init(&mut start, Config { interval: Duration::from_secs(1) }).unwrap();
        clock.on_timer(1, "tick").unwrap();
        assert_eq!(testing::published()[0].kind, "device.metrics");
        assert_eq!(testing::calls(), ["timers.every 1000 tick"]);
    }
}

#[test]
fn the_polling_sample_outlives_what_is_no_answer() {
    // A start sets the log up.
    let _start = testing::start("fresh", None, vec![], vec![]);
    let mut poller = Poller { url: String::new() };
    let mut answered = |body: &str| {
        let answer = HttpResponse {
            status: 200,
            headers: vec![],
            body: body.as_bytes().to_vec(),
            truncated: false,
        };
        poller.on_input(Input::HttpDone((1, Ok(answer))))
    };
    for bad in ["", "busy", "{\"celsius\": \"warm\"}", "[]", "{"] {
        assert_eq!(answered(bad), Ok(()), "{bad}");
    }
    assert_eq!(answered("{\"celsius\": 21.5}"), Ok(()));
    let warned = testing::logged();
    assert_eq!(warned.len(), 5, "{warned:?}");
}

#[rustfmt::skip]
#[test]
fn what_the_host_answers_is_the_tests_to_say() {
    testing::on_publish(|_| Err(PublishError::Throttled(Duration::from_millis(20))));
    testing::on_fetch(|request| {
        assert_eq!(request.url, "https://sensor.lan/now");
        Ok(HttpResponse { status: 200, headers: vec![], body: b"{}".to_vec(), truncated: false })
    });
    let answer = HttpRequest::get("https://sensor.lan/now").fetch();
    assert_eq!(answer.map(|answer| answer.status), Ok(200));
    let mut teller = Teller { outbox: Outbox::new(1000) };
    let asked = teller.tell(Event::new("acme.blink", "acme/lamp-1", &1));
    assert_eq!(asked, Ok(()));
    assert_eq!(testing::calls().last().map(String::as_str), Some("timers.after 20 send"));
}
