//! The native protocol: a client's text.

use hearthgate::protocol::reply;
use hearthgate::protocol::request::parse;

/// Any text is a command or is refused with an answer that is one whole frame.
pub fn request(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let request = parse(text);
    if let Err(refusal) = &request.command {
        assert!(!refusal.message.is_empty());
        assert!(!reply::error(request.id.as_deref(), refusal).is_empty());
    }
}
