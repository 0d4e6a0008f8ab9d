//! Each input reaches the method of its sort, whichever of the methods a plugin writes.

use hearthgate_plugin::net::{NetError, WebSocketTarget};
use hearthgate_plugin::*;

/// What was called, in order, and a link whose timer only `on_input` may see.
struct Both {
    seen: Vec<String>,
    link: Link,
}

impl Plugin for Both {
    type Config = NoConfig;

    fn init(start: &mut Start, _: NoConfig) -> Result<Self, Failure> {
        let link = Link::start(start, WebSocketTarget::new("ws://lamp/"));
        let seen = Vec::new();
        Ok(Self { seen, link })
    }

    fn on_timer(&mut self, _: TimerId, tag: &str) -> Result<(), Failure> {
        self.seen.push(format!("timer {tag}"));
        Ok(())
    }

    fn on_input(&mut self, input: Input) -> Result<(), Failure> {
        self.seen.push(match self.link.on_input(&input) {
            Some(LinkEvent::Down { reason, .. }) => format!("down: {reason}"),
            _ => "input".to_owned(),
        });
        Ok(())
    }
}

/// Has no method but the one for everything.
struct One(Vec<Input>);

impl Plugin for One {
    type Config = NoConfig;

    fn init(_: &mut Start, _: NoConfig) -> Result<Self, Failure> {
        Ok(Self(Vec::new()))
    }

    fn on_input(&mut self, input: Input) -> Result<(), Failure> {
        self.0.push(input);
        Ok(())
    }
}

fn lines() -> Input {
    Input::FileLines(Lines {
        path: "/var/log/x".to_owned(),
        lines: vec!["a".to_owned()],
        cursor: "1".to_owned(),
    })
}

#[test]
fn a_plugin_with_on_input_still_gets_its_timers_in_on_timer() {
    let mut start = testing::start("fresh", None, vec![], vec![]);
    let mut both = Both::init(&mut start, NoConfig {}).expect("it starts");
    let opened = Input::ConnectionFailed((testing::last_id(), NetError::Refused));
    both.on_inputs(vec![opened]).expect("a failed connection");
    let retry = testing::calls().pop().expect("the link set a timer");
    let tag = retry.rsplit(' ').next().expect("its tag").to_owned();
    assert!(tag.contains("ws://lamp/"), "{retry}");

    let own = Input::Timer((99, "poll".to_owned()));
    let links = Input::Timer((testing::last_id(), tag));
    both.on_inputs(vec![own, links, lines()]).expect("inputs");

    let expected = ["down: connection refused", "timer poll", "input", "input"];
    assert_eq!(both.seen, expected);
    let reopened = testing::calls().pop().expect("a call");
    assert!(reopened.starts_with("websocket.open"), "{reopened}");
}

#[test]
fn a_plugin_with_on_input_alone_gets_everything_there() {
    let inputs = vec![Input::Timer((1, "poll".to_owned())), lines()];
    let mut one = One(Vec::new());
    one.on_inputs(inputs.clone()).expect("inputs");
    assert_eq!(one.0, inputs);
}
