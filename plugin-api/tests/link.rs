//! The link's state machine against the SDK's test host.

use hearthgate_plugin::net::{CloseInfo, NetError, Opened, WebSocket, WebSocketTarget, WsMessage};
use hearthgate_plugin::{Input, Link, LinkEvent, testing};
use std::time::Duration;

const URL: &str = "ws://ha.lan:8123/";

fn start(reason: &str, connections: Vec<(u64, String)>) -> Link {
    let mut start = testing::start(reason, None, connections, vec![]);
    Link::start(&mut start, WebSocketTarget::new(URL))
}

/// The id of the socket or timer that the link asked for last: the test host counts up from 1001.
fn last_id(link: &Link) -> u64 {
    let text = format!("{link:?}");
    let digits = |from: &str| {
        from.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
    };
    let at = ["Opening(WebSocket(", "Waiting("]
        .iter()
        .find_map(|word| Some(text.find(word)? + word.len()));
    let at = at.unwrap_or_else(|| panic!("neither opening nor waiting: {text}"));
    digits(&text[at..]).parse().expect("an id")
}

fn opened(id: u64) -> Input {
    Input::ConnectionOpened((
        id,
        Opened {
            peer: "10.0.0.5:8123".to_owned(),
            protocol: None,
            certificate: None,
        },
    ))
}

fn closed(id: u64) -> Input {
    Input::ConnectionClosed((
        id,
        CloseInfo {
            code: 1006,
            reason: "gone".to_owned(),
        },
    ))
}

fn down(event: Option<LinkEvent<'_>>) -> (String, Duration) {
    match event {
        Some(LinkEvent::Down { reason, retry_in }) => (reason, retry_in),
        other => panic!("not down: {other:?}"),
    }
}

fn between(wait: Duration, shortest: u64, longest: u64) {
    let range = Duration::from_millis(shortest)..=Duration::from_millis(longest);
    assert!(range.contains(&wait), "{wait:?} is not within {range:?}");
}

#[test]
fn it_opens_and_hands_over_its_own_messages_only() {
    let mut link = start("fresh", vec![]);
    assert_eq!(testing::calls(), [format!("websocket.open {URL}")]);
    assert!(!link.is_up());
    let id = last_id(&link);
    assert_eq!(link.on_input(&opened(id + 1)), None, "another socket");
    assert_eq!(
        link.on_input(&opened(id)),
        Some(LinkEvent::Up(WebSocket(id)))
    );
    assert_eq!(link.socket(), Some(WebSocket(id)));
    let message = vec![WsMessage::Text("hi".to_owned())];
    let mine = Input::WsMessages((id, message.clone()));
    assert_eq!(
        link.on_input(&mine),
        Some(LinkEvent::Messages(WebSocket(id), &message))
    );
    assert_eq!(
        link.on_input(&Input::WsMessages((id + 1, message.clone()))),
        None
    );
    assert_eq!(link.on_input(&closed(id + 1)), None);
    assert!(link.is_up());
}

#[test]
fn it_is_opened_again_after_a_wait_that_doubles() {
    let mut link = start("fresh", vec![]);
    for (shortest, longest) in [(500, 1_000), (1_000, 2_000), (2_000, 4_000)] {
        let id = last_id(&link);
        let (reason, wait) = down(link.on_input(&Input::ConnectionFailed((id, NetError::Refused))));
        assert_eq!(reason, "connection refused");
        between(wait, shortest, longest);
        testing::calls();
        let timer = last_id(&link);
        assert_eq!(
            link.on_input(&Input::Timer((timer + 7, "other".to_owned()))),
            None
        );
        assert_eq!(
            testing::calls(),
            Vec::<String>::new(),
            "another timer opens nothing"
        );
        assert_eq!(
            link.on_input(&Input::Timer((timer, "link".to_owned()))),
            None
        );
        assert_eq!(testing::calls(), [format!("websocket.open {URL}")]);
    }
}

#[test]
fn a_server_that_accepts_and_drops_is_not_hammered_unless_the_login_worked() {
    let mut link = start("fresh", vec![]);
    let mut lose = |established: bool| {
        let id = last_id(&link);
        link.on_input(&opened(id));
        if established {
            link.established();
        }
        let (reason, wait) = down(link.on_input(&closed(id)));
        assert_eq!(reason, "closed with 1006: gone");
        assert!(!link.is_up());
        link.on_input(&Input::Timer((last_id(&link), String::new())));
        wait
    };
    between(lose(false), 500, 1_000);
    between(lose(false), 1_000, 2_000);
    between(lose(false), 2_000, 4_000);
    between(lose(true), 500, 1_000);
}

#[test]
fn an_upgrade_takes_the_socket_over_and_a_new_configuration_does_not() {
    let before = || vec![(7, URL.to_owned())];
    let mut link = start("upgraded", before());
    assert_eq!(link.socket(), Some(WebSocket(7)));
    assert_eq!(testing::calls(), Vec::<String>::new());
    let message = vec![WsMessage::Text("hi".to_owned())];
    let input = Input::WsMessages((7, message.clone()));
    assert_eq!(
        link.on_input(&input),
        Some(LinkEvent::Messages(WebSocket(7), &message))
    );
    assert!(!start("reconfigured", before()).is_up());
    assert_eq!(testing::calls(), [format!("websocket.open {URL}")]);
}

#[test]
fn a_refusal_at_once_is_tried_again_too() {
    testing::refuse_network(Some(NetError::Quota("connections".to_owned())));
    let mut link = start("fresh", vec![]);
    testing::refuse_network(None);
    let timer = last_id(&link);
    testing::calls();
    assert_eq!(link.on_input(&Input::Timer((timer, String::new()))), None);
    assert_eq!(testing::calls(), [format!("websocket.open {URL}")]);
}
