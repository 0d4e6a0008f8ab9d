//! How grants are read, compared and refused.

use super::*;

#[test]
fn grants_are_read_and_written_back() {
    for (text, expected) in [
        (
            "ws://homeassistant.local:8123",
            "ws://homeassistant.local:8123",
        ),
        ("wss://Example.ORG.", "wss://example.org:443"),
        ("https://*.example.org", "https://*.example.org:443"),
        ("http://host/", "http://host:80"),
        ("tcp://192.168.1.0/24:502", "tcp://192.168.1.0/24:502"),
        ("tcp://[fd00::/8]:502", "tcp://[fd00::/8]:502"),
        ("tcp://[fd00::]/8:502", "tcp://[fd00::/8]:502"),
        ("tls://[::1]:443", "tls://[::1]:443"),
        ("tls+unverified://nas:443", "tls+unverified://nas:443"),
        ("wss+unverified://nas", "wss+unverified://nas:443"),
        ("tcp://0x7f.1:80", "tcp://127.0.0.1:80"),
        ("tcp://2130706433:80", "tcp://127.0.0.1:80"),
        ("tcp://[::ffff:10.0.0.1]:80", "tcp://10.0.0.1:80"),
        ("tcp://[::ffff:10.0.0.0/104]:80", "tcp://10.0.0.0/8:80"),
        ("tcp://host:*", "tcp://host:*"),
        ("tcp://host:8000-8100", "tcp://host:8000-8100"),
        ("https://*:443", "https://*:443"),
    ] {
        assert_eq!(
            ConnectGrant::parse(text).map(|g| g.to_string()),
            Ok(expected.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn bad_grants_say_what_they_should_have_been() {
    for (text, expected) in [
        ("homeassistant.local:8123", "has no scheme"),
        ("mqtt://host:1883", "one of ws, wss, http, https, tcp, tls"),
        ("ws+unverified://host", "goes with wss, https and tls"),
        ("tcp://host", "write for example \"tcp://host:502\""),
        ("ws://host:8123/api", "write \"ws://host:8123\""),
        ("ws://host/24", "write \"ws://host:80\""),
        ("https://user:pw@host", "secrets"),
        ("https://ex*mple.org", "whole leading label"),
        ("https://a.*.org", "whole leading label"),
        ("https://*.10.0.0.1", "192.168.1.0/24"),
        ("tcp://192.168.1.5/24:502", "write 192.168.1.0/24"),
        ("tcp://192.168.1.0/33:502", "bad range"),
        ("tcp://host:0", "bad port"),
        ("tcp://host:70000", "bad port"),
        ("tcp://host:9-3", "bad port"),
        ("tcp://:502", "bad host"),
    ] {
        let error = ConnectGrant::parse(text).expect_err(text);
        assert!(error.0.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_request_may_be_a_whole_url() {
    let request =
        ConnectGrant::parse_request("ws://ha.local:8123/api/websocket?x=1#y").expect("a request");
    assert_eq!(request.to_string(), "ws://ha.local:8123");
    let request = ConnectGrant::parse_request("https://host/a:b/c").expect("a request");
    assert_eq!(request.to_string(), "https://host:443");
}

#[test]
fn grants_overlap_and_cover() {
    for (a, b, overlaps, covers) in [
        ("ws://host:80", "ws://host:80", true, true),
        ("ws://host:80", "ws://host:81", false, false),
        ("ws://host:80", "wss://host:80", false, false),
        ("ws://host:*", "ws://host:81", true, true),
        ("ws://host:81", "ws://host:*", true, false),
        ("wss://*.a.org", "wss://b.a.org", true, true),
        ("wss://b.a.org", "wss://*.a.org", true, false),
        ("wss://*.a.org", "wss://a.org", false, false),
        ("wss://*.a.org", "wss://ba.org", false, false),
        ("wss://*", "wss://*.a.org", true, true),
        ("tcp://10.0.0.0/8:1", "tcp://10.1.0.0/16:1", true, true),
        ("tcp://10.1.0.0/16:1", "tcp://10.0.0.0/8:1", true, false),
        ("tls://host:1", "tls+unverified://host:1", true, false),
        ("tls+unverified://host:1", "tls://host:1", true, true),
    ] {
        let (one, other) = (
            ConnectGrant::parse(a).expect(a),
            ConnectGrant::parse(b).expect(b),
        );
        assert_eq!(
            (one.overlaps(&other), one.covers(&other)),
            (overlaps, covers),
            "{a} {b}"
        );
    }
}
