use super::*;
use proptest::prelude::*;

/// A client's frame.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=65_535 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    let mask = [1, 2, 3, 4];
    out.extend_from_slice(&mask);
    out.extend(payload.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]));
    out
}

fn read(bytes: &[u8], piece: usize) -> (Vec<Message>, Result<(), Violation>) {
    let mut decoder = Decoder::new(70_000);
    let mut out = Vec::new();
    for piece in bytes.to_vec().chunks_mut(piece) {
        if let Err(violation) = decoder.feed(piece, &mut out) {
            return (out, Err(violation));
        }
    }
    (out, Ok(()))
}

proptest! {
    #[test]
    fn any_cut_gives_the_same(
        texts in prop::collection::vec("\\PC{0,200}", 1..4), piece in 1..300_usize, at in 0..200_usize,
    ) {
        let mut bytes = Vec::new();
        for text in &texts {
            let at = at.min(text.len());
            bytes.extend(masked(0x01, &text.as_bytes()[..at]));
            bytes.extend(masked(0x89, b"in between"));
            bytes.extend(masked(0x80, &text.as_bytes()[at..]));
        }
        let (found, outcome) = read(&bytes, piece);
        prop_assert_eq!(outcome, Ok(()));
        let mut expected = Vec::new();
        for text in texts {
            expected.push(Message::Ping(Bytes::from_static(b"in between")));
            expected.push(Message::Text(text));
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1..40_usize) {
        let _whatever = read(&bytes, piece);
    }
}

#[test]
fn every_length_is_read() {
    for length in [0, 125, 126, 65_535, 65_536, 70_000] {
        let payload = vec![7; length];
        let (found, outcome) = read(&masked(0x82, &payload), 4096);
        assert_eq!(outcome, Ok(()), "length {length}");
        assert_eq!(found, [Message::Binary(payload)]);
    }
}

#[test]
fn violations_are_told_with_the_code_to_close_with() {
    use CloseCode::{NotUtf8, ProtocolError, TooLarge};
    let long = vec![0; 126];
    let mut top_bit = vec![0x82, 0xff, 0x80];
    top_bit.extend([0; 11]);
    for (what, bytes, code) in [
        ("no mask", vec![0x81, 0x01, b'a'], ProtocolError),
        ("RSV1", masked(0xc1, b"a"), ProtocolError),
        ("a reserved opcode", masked(0x83, b""), ProtocolError),
        ("a fragmented ping", masked(0x09, b""), ProtocolError),
        ("a long ping", masked(0x89, &long), ProtocolError),
        (
            "a continuation of nothing",
            masked(0x80, b""),
            ProtocolError,
        ),
        (
            "a text in a text",
            [masked(0x01, b"a"), masked(0x81, b"b")].concat(),
            ProtocolError,
        ),
        ("half a close code", masked(0x88, &[3]), ProtocolError),
        (
            "close code 1005",
            masked(0x88, &1005_u16.to_be_bytes()),
            ProtocolError,
        ),
        ("the length's highest bit", top_bit, ProtocolError),
        (
            "a reason that is no UTF-8",
            masked(0x88, &[3, 232, 0xff]),
            NotUtf8,
        ),
        ("a text that is no UTF-8", masked(0x81, &[0xff]), NotUtf8),
        ("a text that is cut off", masked(0x81, &[0xc3]), NotUtf8),
        ("too large", masked(0x82, &vec![0; 70_001]), TooLarge),
        (
            "too large together",
            [
                masked(0x02, &vec![0; 40_000]),
                masked(0x80, &vec![0; 40_000]),
            ]
            .concat(),
            TooLarge,
        ),
    ] {
        let (_, outcome) = read(&bytes, 1024);
        assert_eq!(outcome.map_err(Violation::code), Err(code), "{what}");
    }
}

#[test]
fn a_wrong_character_is_found_before_the_message_ends() {
    let mut bytes = masked(0x01, &[0xff]);
    bytes.truncate(7);
    assert_eq!(read(&bytes, 1).1, Err(Violation::NotUtf8));
}

#[test]
fn nothing_is_held_between_messages() {
    let mut decoder = Decoder::new(1024);
    let mut out = Vec::new();
    let mut bytes = [masked(0x81, b"text"), masked(0x8a, b"pong")].concat();
    decoder.feed(&mut bytes, &mut out).expect("valid frames");
    assert_eq!(out, [Message::Text("text".to_owned()), Message::Pong]);
    assert!(decoder.message.is_none() && decoder.control.capacity() == 0);
}

#[test]
fn a_message_has_so_many_fragments_and_no_more() {
    let most = MANY_FRAGMENTS + 70_000 / SMALL_FRAGMENT;
    let mut bytes = masked(0x01, b"");
    bytes.extend(masked(0x00, b"").repeat(most));
    let (found, outcome) = read(&bytes, 4096);
    assert_eq!((found.len(), outcome), (0, Ok(())));
    bytes.extend(masked(0x00, b""));
    let (_, outcome) = read(&bytes, 4096);
    assert_eq!(outcome, Err(Violation::Fragments));
    // In small pieces that say something, the largest message fits.
    let mut bytes = masked(0x01, b"");
    bytes.extend(masked(0x00, &[b'a'; SMALL_FRAGMENT]).repeat(70_000 / SMALL_FRAGMENT));
    bytes.extend(masked(0x80, b""));
    let (found, outcome) = read(&bytes, 4096);
    assert_eq!((found.len(), outcome), (1, Ok(())));
}
