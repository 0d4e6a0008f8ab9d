//! The conversation against a broker that the test plays, byte by byte.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::codec::Frame;

fn settings(version: Version) -> Settings {
    Settings {
        version,
        qos: Qos::One,
        largest: 1_000,
        most_filters: 3,
    }
}

fn introduction() -> Connect {
    Connect {
        client_id: "hearthgate-test".to_owned(),
        user: Some("u".to_owned()),
        password: Some("p".to_owned()),
        keep_alive: 30,
        clean: false,
        session_expiry: 60,
        receive_maximum: 64,
        maximum_packet: 1_000,
        will: None,
    }
}

/// The types of the packets that it sent, with what follows the length.
fn sent(session: &mut Session) -> Vec<(&'static str, Vec<u8>)> {
    let mut frames = Frames::new(10_000);
    frames.feed(&session.take_out());
    let mut out = Vec::new();
    while let Ok(Some(Frame::Whole(first, body))) = frames.next() {
        out.push((codec::name_of(first), body));
    }
    out
}

fn names(session: &mut Session) -> Vec<&'static str> {
    sent(session).into_iter().map(|(name, _)| name).collect()
}

fn happened(session: &mut Session, bytes: &[u8]) -> Vec<Happening> {
    session.feed(bytes);
    let mut out = Vec::new();
    while let Some(happening) = session.next().unwrap() {
        out.push(happening);
    }
    out
}

/// A conversation in 3.1.1 that wants one filter and was let in.
fn up(session_present: u8) -> Session {
    let mut session = Session::new(settings(Version::V3));
    assert!(session.want([Pattern::of_filter("a/#")]).is_empty());
    session.opened(&introduction()).unwrap();
    assert_eq!(names(&mut session), ["CONNECT"]);
    let greeted = Happening::Greeted {
        resumed: session_present == 1,
        keep_alive: None,
    };
    assert_eq!(
        happened(&mut session, &[0x20, 2, session_present, 0]),
        [greeted]
    );
    session
}

#[test]
fn everything_retained_is_read_before_it_is_synced() {
    let mut session = up(0);
    let subscribe = sent(&mut session);
    assert_eq!(subscribe[0].0, "SUBSCRIBE");
    let id = [subscribe[0].1[0], subscribe[0].1[1]];
    assert_eq!(happened(&mut session, &[0x90, 3, id[0], id[1], 1]), []);
    assert_eq!(names(&mut session), ["PINGREQ"]);
    // Something retained came before the answer: perhaps there is more.
    let message = [0x31, 5, 0, 1, b'a', b'h', b'i'];
    assert!(matches!(
        happened(&mut session, &message)[..],
        [Happening::Message(_)]
    ));
    assert_eq!(happened(&mut session, &[0xD0, 0]), []);
    assert_eq!(names(&mut session), ["PINGREQ"]);
    assert_eq!(happened(&mut session, &[0xD0, 0]), [Happening::Synced]);
    assert_eq!(names(&mut session), Vec::<&str>::new());
}

#[test]
fn filters_are_asked_for_once_and_refusals_are_told() {
    let mut session = up(0);
    sent(&mut session);
    assert!(
        session
            .want([Pattern::of_filter("a/b"), Pattern::of_filter("b")])
            .is_empty()
    );
    let asked = sent(&mut session);
    assert_eq!(asked.len(), 1, "a/b is covered by a/#");
    let refused = [0x90, 3, asked[0].1[0], asked[0].1[1], 0x80];
    let told = Happening::FilterRefused("b".to_owned(), "unspecified error (0x80)".to_owned());
    assert_eq!(happened(&mut session, &refused), [told]);
    let too_many = session.want([Pattern::of_filter("c"), Pattern::of_filter("d")]);
    assert_eq!(too_many, ["d"], "there is room for three");
}

#[test]
fn qos_1_is_acknowledged_when_told_to_and_qos_2_comes_once() {
    let mut session = up(0);
    sent(&mut session);
    let one = [0x32, 6, 0, 1, b'a', 0, 9, b'x'];
    assert!(matches!(
        happened(&mut session, &one)[..],
        [Happening::Message(_)]
    ));
    assert_eq!(sent(&mut session), [], "nothing is safe yet");
    session.acknowledge(9, Qos::One);
    assert_eq!(sent(&mut session), [("PUBACK", vec![0, 9])]);
    let two = [0x34, 6, 0, 1, b'a', 0, 7, b'x'];
    assert_eq!(happened(&mut session, &two).len(), 1);
    session.acknowledge(7, Qos::Two);
    assert_eq!(happened(&mut session, &two).len(), 0, "sent again: known");
    assert_eq!(
        sent(&mut session),
        [("PUBREC", vec![0, 7]), ("PUBREC", vec![0, 7])]
    );
    assert_eq!(happened(&mut session, &[0x62, 2, 0, 7]).len(), 0);
    assert_eq!(sent(&mut session), [("PUBCOMP", vec![0, 7])]);
    assert_eq!(
        happened(&mut session, &two).len(),
        1,
        "the id is free again"
    );
}

fn outgoing(request: u64, qos: Qos) -> Outgoing<'static> {
    Outgoing {
        request,
        topic: "t",
        payload: b"x",
        qos,
        retain: false,
    }
}

#[test]
fn our_messages_are_confirmed() {
    let mut session = up(0);
    sent(&mut session);
    assert_eq!(session.publish(&outgoing(1, Qos::Zero)), Ok(false));
    assert_eq!(session.publish(&outgoing(2, Qos::One)), Ok(true));
    assert_eq!(session.publish(&outgoing(3, Qos::Two)), Ok(true));
    let packets = sent(&mut session);
    let id = |i: usize| [packets[i].1[3], packets[i].1[4]];
    let ack = |first: u8, id: [u8; 2]| [first, 2, id[0], id[1]];
    let done = |request| vec![Happening::Delivered(request, Ok(()))];
    assert_eq!(happened(&mut session, &ack(0x40, id(1))), done(2));
    assert_eq!(
        happened(&mut session, &ack(0x40, id(1))),
        [],
        "twice is once"
    );
    assert_eq!(happened(&mut session, &ack(0x50, id(2))), []);
    assert_eq!(sent(&mut session), [("PUBREL", id(2).to_vec())]);
    assert_eq!(happened(&mut session, &ack(0x70, id(2))), done(3));
}

#[test]
fn a_loss_is_told_to_those_who_wait_and_qos_2_is_finished_later() {
    let mut session = up(0);
    session.publish(&outgoing(2, Qos::One)).unwrap();
    session.publish(&outgoing(3, Qos::Two)).unwrap();
    let id = sent(&mut session).last().unwrap().1[3..5].to_vec();
    assert_eq!(session.lost(), [2, 3]);
    assert!(session.publish(&outgoing(4, Qos::Zero)).is_err());
    session.opened(&introduction()).unwrap();
    sent(&mut session);
    happened(&mut session, &[0x20, 2, 1, 0]);
    let packets = sent(&mut session);
    assert_eq!(packets[0], ("PUBREL", id));
    assert_eq!(packets[1].0, "SUBSCRIBE", "what is retained is read anew");
}

#[test]
fn too_many_messages_under_way_are_refused() {
    let mut session = up(0);
    for n in 0..MOST_UNDER_WAY {
        assert_eq!(session.publish(&outgoing(n as u64, Qos::One)), Ok(true));
    }
    let refused = session.publish(&outgoing(99, Qos::One));
    assert!(
        matches!(refused, Err(NotPublished::Unavailable(_))),
        "{refused:?}"
    );
    assert_eq!(session.publish(&outgoing(99, Qos::Zero)), Ok(false));
}

#[test]
fn what_the_broker_does_not_take_is_refused() {
    let mut session = Session::new(settings(Version::V5));
    session.opened(&introduction()).unwrap();
    // Maximum QoS 0, no retain, packets of at most 10 bytes.
    let greeting = [0x20, 12, 0, 0, 9, 0x24, 0, 0x25, 0, 0x27, 0, 0, 0, 10];
    assert_eq!(happened(&mut session, &greeting).len(), 1);
    let refused = |session: &mut Session, message: Outgoing<'_>| match session.publish(&message) {
        Err(NotPublished::Unfit(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(&mut session, outgoing(1, Qos::One)),
        "the broker takes at most QoS 0"
    );
    let retained = Outgoing {
        retain: true,
        ..outgoing(1, Qos::Zero)
    };
    assert_eq!(
        refused(&mut session, retained),
        "the broker retains nothing"
    );
    let long = Outgoing {
        payload: b"0123456789",
        ..outgoing(1, Qos::Zero)
    };
    assert_eq!(
        refused(&mut session, long),
        "the broker takes at most 10 bytes"
    );
    assert_eq!(session.publish(&outgoing(1, Qos::Zero)), Ok(false));
}

#[test]
fn refusals_are_told_apart() {
    let check = |version, packet: &[u8], refusal: Refusal, reason: &str| {
        let mut session = Session::new(settings(version));
        session.opened(&introduction()).unwrap();
        let told = Happening::Refused(refusal, reason.to_owned());
        assert_eq!(happened(&mut session, packet), [told]);
    };
    use Version::{V3, V5};
    check(
        V3,
        &[0x20, 2, 0, 5],
        Refusal::Credential,
        "not authorized (0x87)",
    );
    check(
        V3,
        &[0x20, 2, 0, 4],
        Refusal::Credential,
        "bad user name or password (0x86)",
    );
    check(
        V3,
        &[0x20, 2, 0, 1],
        Refusal::Version,
        "unsupported protocol version (0x84)",
    );
    check(
        V3,
        &[0x20, 2, 0, 2],
        Refusal::ClientId,
        "client identifier not valid (0x85)",
    );
    check(
        V3,
        &[0x20, 2, 0, 3],
        Refusal::Passing,
        "server unavailable (0x88)",
    );
    check(
        V5,
        &[0x20, 3, 0, 0x87, 0],
        Refusal::Credential,
        "not authorized (0x87)",
    );
    let words = [0x20, 8, 0, 0x88, 5, 0x1F, 0, 2, b'h', b'm'];
    check(
        V5,
        &words,
        Refusal::Passing,
        "server unavailable (0x88: hm)",
    );
}

#[test]
fn a_dead_link_is_noticed_by_the_second_tick() {
    let mut session = up(0);
    sent(&mut session);
    assert!(session.tick());
    assert_eq!(names(&mut session), ["PINGREQ"]);
    session.feed(&[0xD0, 0]);
    while session.next().unwrap().is_some() {}
    assert!(session.tick(), "it answered");
    assert!(!session.tick(), "it did not");
    let mut silent = Session::new(settings(Version::V3));
    silent.opened(&introduction()).unwrap();
    assert!(silent.tick());
    assert!(!silent.tick(), "it never greeted us");
}

#[test]
fn bad_packets_are_skipped_and_what_is_no_mqtt_ends_it() {
    let mut session = up(0);
    sent(&mut session);
    // A topic that is no UTF-8, QoS 1 of a readable head after it, then a good one.
    let bad = [0x30, 3, 0, 1, 0xFF];
    let good = [0x30, 4, 0, 1, b'a', b'x'];
    let seen = happened(&mut session, &[&bad[..], &good[..]].concat());
    assert!(
        matches!(
            seen[..],
            [
                Happening::Skipped("malformed packet", _),
                Happening::Message(_)
            ]
        ),
        "{seen:?}"
    );
    let mut large = vec![0x32, 0xDC, 0x0B, 0, 1, b'a', 0, 5];
    large.extend(vec![b'x'; 1_495]);
    let skipped = happened(&mut session, &large);
    let detail = "a: 1500 bytes, 1000 are taken".to_owned();
    assert_eq!(skipped, [Happening::Skipped("message too large", detail)]);
    assert_eq!(
        sent(&mut session),
        [("PUBACK", vec![0, 5])],
        "it does not come again"
    );
    session.feed(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF]);
    assert!(session.next().is_err());
    let mut http = Session::new(settings(Version::V5));
    http.opened(&introduction()).unwrap();
    http.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert!(http.next().is_err());
}

#[test]
fn another_instance_goes_on() {
    let mut session = up(0);
    let asked = sent(&mut session);
    session.publish(&outgoing(5, Qos::One)).unwrap();
    let id = sent(&mut session)[0].1[3..5].to_vec();
    session.feed(&[0x40, 2, id[0]]);
    assert_eq!(session.next(), Ok(None));
    let (memory, frames) = session.memory();
    let memory: Memory = serde_json::from_str(&serde_json::to_string(memory).unwrap()).unwrap();
    let frames = Frames::resume(1_000, frames.pending(), frames.skipping().cloned());
    let mut next = Session::resume(settings(Version::V3), memory, frames);
    assert_eq!(
        happened(&mut next, &[id[1]]),
        [Happening::Delivered(5, Ok(()))]
    );
    assert!(next.want([Pattern::of_filter("a/b")]).is_empty());
    assert_eq!(sent(&mut next), [], "a/# is known");
    let suback = [0x90, 3, asked[0].1[0], asked[0].1[1], 1];
    assert_eq!(happened(&mut next, &suback), []);
    assert_eq!(names(&mut next), ["PINGREQ"]);
    assert_eq!(happened(&mut next, &[0xD0, 0]), [Happening::Synced]);
}

#[test]
fn as_many_topics_as_there_may_be_are_asked_for_in_no_time() {
    let mut session = Session::new(Settings {
        most_filters: 40_000,
        ..settings(Version::V3)
    });
    let wanted = || (0..40_000).map(|n| Pattern::of_filter(&format!("home/{n}/state")));
    let begun = std::time::Instant::now();
    assert!(session.want(wanted()).is_empty());
    assert!(session.want(wanted()).is_empty(), "they are known");
    assert_eq!(session.filters(), 40_000);
    // Each held against each other would be 2,400 million comparisons.
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
}
