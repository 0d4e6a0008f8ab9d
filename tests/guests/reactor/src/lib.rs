//! A subscriber: publishes an echo of each event it is told of. See `tests/guests/README.md`.

use hearthgate_plugin::{Event, Failure, Plugin, Published, Start, publish_all};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    fail_on: String,
}

struct Reactor(Config);

impl Plugin for Reactor {
    type Config = Config;

    fn init(_: &mut Start, config: Config) -> Result<Self, Failure> {
        Ok(Self(config))
    }

    fn on_events(&mut self, events: Vec<Published>) -> Result<(), Failure> {
        if events
            .iter()
            .any(|published| published.event.topic == self.0.fail_on)
        {
            return Err(Failure::fatal("told to fail on this topic"));
        }
        let echo = |published: Published| {
            let event = published.event;
            let data: Value = serde_json::from_str(&event.data)?;
            let echo = json!({
                "seq": published.seq, "source": published.source, "kind": event.kind, "topic": event.topic,
                "labels": event.labels, "received_at": published.received_at, "data": data,
            });
            Ok(Event::new(
                "test.echo",
                format!("echo/{}", event.topic),
                &echo,
            ))
        };
        let echoes: Result<Vec<_>, serde_json::Error> = events.into_iter().map(echo).collect();
        publish_all(echoes?)?;
        Ok(())
    }
}

hearthgate_plugin::plugin!(Reactor: subscriber);
