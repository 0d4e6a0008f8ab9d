#![allow(clippy::unwrap_used)]

use super::*;

fn message(topic: &str, payload: &[u8], qos: Qos, retain: bool, id: Option<u16>) -> Message {
    Message {
        topic: topic.to_owned(),
        payload: payload.to_vec(),
        qos,
        retain,
        id,
    }
}

/// What we publish is what we would read, in both versions: brokers send the same packet.
#[test]
fn messages_survive_the_wire() {
    for version in [Version::V3, Version::V5] {
        for (qos, id) in [
            (Qos::Zero, None),
            (Qos::One, Some(7)),
            (Qos::Two, Some(65_535)),
        ] {
            let wire = publish(version, id, "a/ü", b"{}", qos, true).unwrap();
            let mut frames = Frames::new(1000);
            frames.feed(&wire);
            let Ok(Some(Frame::Whole(first, body))) = frames.next() else {
                panic!("no frame")
            };
            let expected = Incoming::Message(message("a/ü", b"{}", qos, true, id));
            assert_eq!(decode(version, first, &body), Ok(expected));
        }
    }
}

/// Packets as the specifications' tables spell them.
#[test]
fn a_brokers_packets_are_read() {
    let check = |version, first: u8, body: &[u8], expected: Incoming| {
        assert_eq!(
            decode(version, first, body),
            Ok(expected),
            "{first:#x} {body:?}"
        );
    };
    use Version::{V3, V5};
    check(
        V3,
        0x20,
        &[1, 0],
        Incoming::Greeting(Greeting::plain(true, 0)),
    );
    check(
        V3,
        0x20,
        &[0, 5],
        Incoming::Greeting(Greeting::plain(false, 5)),
    );
    check(V3, 0x40, &[0, 9], Incoming::PubAck(9, 0));
    check(V3, 0x50, &[0, 9], Incoming::PubRec(9, 0));
    check(V3, 0x62, &[0, 9], Incoming::PubRel(9));
    check(V3, 0x70, &[0, 9], Incoming::PubComp(9, 0));
    check(
        V3,
        0x90,
        &[0, 9, 1, 0x80],
        Incoming::SubAck(9, vec![1, 0x80]),
    );
    check(V3, 0xD0, &[], Incoming::Pong);
    check(V5, 0x40, &[0, 9], Incoming::PubAck(9, 0));
    check(V5, 0x40, &[0, 9, 0x87], Incoming::PubAck(9, 0x87));
    check(V5, 0x40, &[0, 9, 0x87, 0], Incoming::PubAck(9, 0x87));
    check(V5, 0x50, &[0, 9, 0x97, 0], Incoming::PubRec(9, 0x97));
    check(V5, 0x62, &[0, 9, 0x92, 0], Incoming::PubRel(9));
    check(V5, 0x70, &[0, 9, 0x92, 0], Incoming::PubComp(9, 0x92));
    check(
        V5,
        0x90,
        &[0, 9, 0, 2, 0x87],
        Incoming::SubAck(9, vec![2, 0x87]),
    );
    check(V5, 0xE0, &[], Incoming::Disconnect(0, None));
    check(V5, 0xE0, &[0x8E], Incoming::Disconnect(0x8E, None));
    let words = [0x8D, 5, 0x1F, 0, 2, b'n', b'o'];
    check(
        V5,
        0xE0,
        &words,
        Incoming::Disconnect(0x8D, Some("no".to_owned())),
    );
    let limits = [
        0, 0, 18, 0x13, 0, 10, 0x21, 0, 20, 0x24, 1, 0x25, 0, 0x27, 0, 0, 1, 0, 0x22, 0, 5,
    ];
    let mut greeting = Greeting::plain(false, 0);
    greeting.keep_alive = Some(10);
    greeting.receive_maximum = Some(20);
    greeting.maximum_qos = Some(1);
    greeting.retain_available = false;
    greeting.maximum_packet = Some(256);
    check(V5, 0x20, &limits, Incoming::Greeting(greeting));
    let alias = [0, 0, 3, 0x23, 0, 4, b'x'];
    assert!(decode(V5, 0x30, &alias).is_err(), "we allow no aliases");
}

#[test]
fn what_can_not_be_read_is_an_error() {
    let cases: &[(u8, &[u8])] = &[
        (0x20, &[]),
        (0x20, &[0, 99]),
        (0x30, &[]),
        (0x30, &[0, 9, b'a']),
        (0x30, &[0, 1, 0xFF]),
        (0x32, &[0, 1, b'a']),
        (0x36, &[0, 1, b'a', 0, 1]),
        (0x40, &[9]),
        (0x42, &[0, 9]),
        (0x60, &[0, 9]),
        (0x90, &[0]),
        (0x10, &[]),
        (0x00, &[]),
        (0xC0, &[]),
    ];
    for version in [Version::V3, Version::V5] {
        for (first, body) in cases {
            assert!(
                decode(version, *first, body).is_err(),
                "{version:?} {first:#x} {body:?}"
            );
        }
    }
}

proptest::proptest! {
    /// Nothing that a broker sends may end the plugin.
    #[test]
    fn anything_is_read_or_refused(first: u8, body in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
        for version in [Version::V3, Version::V5] {
            let _ = decode(version, first, &body);
            let _ = head_of_publish(first, &body);
        }
    }

    /// The same for packets that are nearly right: one byte of a good one is another.
    #[test]
    fn a_spoiled_message_is_read_or_refused(at in 0usize..40, byte: u8, cut in 0usize..40) {
        for version in [Version::V3, Version::V5] {
            let mut wire = publish(version, Some(1), "home/kitchen/lamp", b"{\"state\":\"ON\"}", Qos::One, false)
                .unwrap();
            let at = at % wire.len();
            wire[at] = byte;
            wire.truncate(cut.max(2));
            let _ = decode(version, wire[0], &wire[2..]);
        }
    }
}
