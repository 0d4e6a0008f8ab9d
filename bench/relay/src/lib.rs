//! The benchmarks' guest. Fed by a WebSocket, it publishes each message as an event; told a period, it publishes by its own
//! timer, stamped with the wall clock, and with how long the publish before took.

use hearthgate_plugin::net::{WebSocketTarget, WsMessage};
use hearthgate_plugin::{
    Event, Failure, Input, Link, LinkEvent, Plugin, Start, TimerId, publish_all,
};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Deserialize)]
struct Config {
    feed: String,
    period: u64,
}

/// A message of the feed: the load's number and time stamp.
#[derive(Deserialize, Serialize)]
struct Fed {
    n: u64,
    t: u64,
}

/// An event of the timer: wall clock and cost of the call before, in nanoseconds.
#[derive(Serialize)]
struct Ticked {
    w: u64,
    c: u64,
}

struct Relay {
    link: Option<Link>,
    last_call: Duration,
}

impl Plugin for Relay {
    type Config = Config;

    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        if config.period > 0 {
            start.every(Duration::from_millis(config.period), "tick")?;
        }
        let link =
            (config.period == 0).then(|| Link::start(start, WebSocketTarget::new(config.feed)));
        Ok(Self {
            link,
            last_call: Duration::ZERO,
        })
    }

    fn on_input(&mut self, input: Input) -> Result<(), Failure> {
        if let Input::Timer((id, tag)) = &input
            && tag == "tick"
        {
            return self.on_timer(*id, tag);
        }
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        if let Some(LinkEvent::Messages(_, messages)) = link.on_input(&input) {
            let events: Result<Vec<Event>, Failure> = messages.iter().map(event).collect();
            publish_all(events?)?;
        }
        Ok(())
    }

    fn on_timer(&mut self, _id: TimerId, _tag: &str) -> Result<(), Failure> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let data = Ticked {
            w: nanos(now),
            c: nanos(self.last_call),
        };
        let event = Event::new("b.t", "b", &data);
        let before = Instant::now();
        event.publish()?;
        self.last_call = before.elapsed();
        Ok(())
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn event(message: &WsMessage) -> Result<Event, Failure> {
    let WsMessage::Text(text) = message else {
        return Err(Failure::fatal("the feed sent something else than text"));
    };
    let fed: Fed = serde_json::from_str(text)
        .map_err(|error| Failure::fatal(format!("the feed sent {text:?}: {error}")))?;
    Ok(Event::new("b.t", "b", &fed))
}

hearthgate_plugin::plugin!(Relay: source);
