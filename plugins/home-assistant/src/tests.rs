//! The plugin against the SDK's test host and a Home Assistant that the tests play.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod handlers;
mod readings;
mod reload;
mod settings;
mod stand_in;

use crate::*;
use hearthgate_plugin::testing;
use serde_json::{Value, json};
use stand_in::Rig;

#[test]
fn the_token_is_a_template_and_its_refusal_parks_the_plugin() {
    let mut rig = Rig::connected(json!({}));
    rig.raw_calls();
    rig.send(json!({"type": "auth_required", "ha_version": "2025.4.4"}));
    let sent = rig.raw_calls();
    assert_eq!(
        sent,
        [r#"websocket.send 1 [WsMessage::TextTemplate("{\"type\":\"auth\",\"access_token\":\"${token}\"}")]"#
            .replace('1', &rig.socket.to_string())],
        "nothing but the template: {sent:?}"
    );
    let failure =
        rig.fails(json!({"type": "auth_invalid", "message": "Invalid access token or password"}));
    let reason = "Home Assistant refused the token: Invalid access token or password";
    assert_eq!(failure, Failure::unauthorized(reason));
    let told = rig.told("adapter.status");
    let words: Vec<&str> = told
        .iter()
        .map(|status| status["status"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["connecting", "failed"]);
    assert_eq!(told[1]["message"], reason);
}

#[test]
fn what_a_socket_brought_before_its_end_is_read() {
    let mut rig = Rig::synchronised(json!({}));
    let (change, end) = (
        rig.state_changed("light.a", "off", "on").to_string(),
        rig.end(),
    );
    let message = Input::WsMessages((rig.socket, vec![WsMessage::Text(change)]));
    rig.inputs(vec![message, end]).unwrap();
    assert_eq!(rig.told("entity.state_changed").len(), 1);
    assert_eq!(
        rig.told("adapter.status").pop().unwrap()["status"],
        "disconnected"
    );
    // Home Assistant refuses a token and closes at once.
    let mut rig = Rig::connected(json!({}));
    rig.send(json!({"type": "auth_required"}));
    let refusal = json!({"type": "auth_invalid", "message": "no"}).to_string();
    let message = Input::WsMessages((rig.socket, vec![WsMessage::Text(refusal)]));
    let end = rig.end();
    let failure = rig.inputs(vec![message, end]).unwrap_err();
    assert_eq!(
        failure,
        Failure::unauthorized("Home Assistant refused the token: no")
    );
}

#[test]
fn a_url_of_another_sort_is_named() {
    let mut start = testing::start("fresh", None, vec![], vec![]);
    let config = stand_in::config(json!({"url": "http://ha.lan:8123"}));
    let failure = HomeAssistant::init(&mut start, config).err();
    let expected = Failure::misconfigured("url", "must begin with ws:// or wss://");
    assert_eq!(failure, Some(expected));
}

#[test]
fn a_silent_link_is_closed_and_a_busy_one_is_not() {
    let mut rig = Rig::synchronised(json!({}));
    rig.tick("ping");
    let calls = rig.raw_calls();
    assert!(calls[0].contains(r#"\"type\":\"ping\""#), "{calls:?}");
    assert_eq!(calls[1], "timers.after 10000 pong");
    // Anything counts as an answer, not only the pong: it may wait behind much else.
    rig.send(rig.state_changed("light.a", "off", "on"));
    rig.tick("pong");
    assert_eq!(rig.closes(), [0; 0]);
    rig.tick("ping");
    rig.tick("pong");
    assert_eq!(rig.closes(), [1000]);
    rig.closed();
    let status = rig.told("adapter.status").pop().unwrap();
    assert_eq!(status["status"], "disconnected");
    assert!(
        rig.raw_calls()
            .iter()
            .any(|call| call.starts_with("timers.after") && call.contains("hearthgate.link"))
    );
}

#[test]
fn by_default_a_dead_link_is_noticed_within_a_minute() {
    let config = stand_in::config(json!({}));
    // The link dies right after a pong; the socket is given up five seconds after it is closed.
    let latest = config.ping_interval + config.pong_timeout + std::time::Duration::from_secs(5);
    assert!(latest < std::time::Duration::from_secs(60), "{latest:?}");
}

#[test]
fn a_greeting_that_never_comes_is_not_waited_for() {
    let mut rig = Rig::connected(json!({}));
    rig.raw_calls();
    rig.tick("ping");
    assert_eq!(rig.closes(), [0; 0], "it has half a minute");
    assert_eq!(
        rig.raw_calls(),
        Vec::<String>::new(),
        "and no ping before the login"
    );
}
