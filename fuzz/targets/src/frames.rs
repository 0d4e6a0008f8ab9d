//! The frame path: a client's bytes, as the socket gives them.

use hearthgate::connection::decoder::{Decoder, Message, Violation};

/// Messages may be so long here; small, so that the bound is met often.
const MAX_MESSAGE: usize = 1024;

/// Frames read in one piece and in small ones are the same messages and end in the same violation, and nothing that
/// is read is longer than allowed. The first byte is the size of the small pieces.
pub fn frames(data: &[u8]) {
    let Some((&size, data)) = data.split_first() else {
        return;
    };
    let whole = read(data, data.len().max(1));
    let pieces = read(data, usize::from(size).max(1));
    assert_eq!(whole, pieces, "pieces of {size} bytes are read otherwise");
    for message in &whole.0 {
        let length = match message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) => bytes.len(),
            Message::Ping(payload) => payload.len(),
            Message::Pong | Message::Close(_) => 0,
        };
        assert!(length <= MAX_MESSAGE, "a message of {length} bytes");
    }
}

fn read(data: &[u8], piece: usize) -> (Vec<Message>, Option<Violation>) {
    let mut decoder = Decoder::new(MAX_MESSAGE);
    let mut messages = Vec::new();
    for piece in data.chunks(piece) {
        let mut piece = piece.to_vec();
        if let Err(violation) = decoder.feed(&mut piece, &mut messages) {
            return (messages, Some(violation));
        }
    }
    (messages, None)
}
