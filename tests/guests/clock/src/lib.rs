//! Tells how often it has ticked. This is the whole of the event source in plugin-api/README.md.
use hearthgate_plugin::{events::DeviceMetrics, *};
use std::time::Duration;

#[derive(serde::Deserialize)]
struct Config {
    #[serde(deserialize_with = "duration")]
    interval: Duration,
}
struct Clock(u32);

impl Plugin for Clock {
    type Config = Config;
    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        start.every(config.interval, "tick")?;
        Ok(Self(start.state(1).unwrap_or(0)))
    }
    fn on_timer(&mut self, _: TimerId, _: &str) -> Result<(), Failure> {
        self.0 += 1;
        let data = DeviceMetrics::new("clock", [("ticks".to_owned(), f64::from(self.0))]);
        Event::of(&data).label("device", "clock").publish()?;
        Ok(())
    }
    fn save(&self) -> Result<Option<State>, HostError> {
        State::json(1, &self.0).map(Some)
    }
}

hearthgate_plugin::plugin!(Clock: source);
