//! Reason codes in words (MQTT 5, section 2.4; MQTT 3.1.1, section 3.2.2.3).

/// What a refusal means for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The credential: only the operator can change that.
    Credential,
    /// The version: the other one may do.
    Version,
    /// The client id is not allowed.
    ClientId,
    /// It may pass.
    Passing,
}

/// Codes with their words.
const TEXTS: &[(u8, &str)] = &[
    (0x00, "success"),
    (0x04, "disconnected, with the last will"),
    (0x80, "unspecified error"),
    (0x81, "malformed packet"),
    (0x82, "protocol error"),
    (0x83, "implementation-specific error"),
    (0x84, "unsupported protocol version"),
    (0x85, "client identifier not valid"),
    (0x86, "bad user name or password"),
    (0x87, "not authorized"),
    (0x88, "server unavailable"),
    (0x89, "server busy"),
    (0x8A, "banned"),
    (0x8B, "server shutting down"),
    (0x8C, "bad authentication method"),
    (0x8D, "keep alive timeout"),
    (
        0x8E,
        "session taken over: another client has the same client id",
    ),
    (0x8F, "topic filter invalid"),
    (0x90, "topic name invalid"),
    (0x91, "packet identifier in use"),
    (0x92, "packet identifier not found"),
    (0x93, "receive maximum exceeded"),
    (0x94, "topic alias invalid"),
    (0x95, "packet too large"),
    (0x96, "message rate too high"),
    (0x97, "quota exceeded"),
    (0x98, "administrative action"),
    (0x99, "payload format invalid"),
    (0x9A, "retain not supported"),
    (0x9B, "QoS not supported"),
    (0x9C, "use another server"),
    (0x9D, "server moved"),
    (0x9E, "shared subscriptions not supported"),
    (0x9F, "connection rate exceeded"),
    (0xA0, "maximum connect time"),
    (0xA1, "subscription identifiers not supported"),
    (0xA2, "wildcard subscriptions not supported"),
];

/// The code of MQTT 5 that means what a return code of 3.1.1's CONNACK means.
pub fn of_return_code(code: u8) -> u8 {
    match code {
        1 => 0x84,
        2 => 0x85,
        3 => 0x88,
        4 => 0x86,
        5 => 0x87,
        other => other,
    }
}

/// A code in words, with the broker's own.
pub fn text(code: u8, words: Option<&str>) -> String {
    let known = TEXTS.iter().find(|(known, _)| *known == code);
    let text = known.map_or("unknown reason", |(_, text)| text);
    match words {
        Some(words) => format!("{text} (0x{code:02X}: {words})"),
        None => format!("{text} (0x{code:02X})"),
    }
}

/// What follows from a code.
pub fn refusal(code: u8) -> Refusal {
    match code {
        0x86 | 0x87 | 0x8A | 0x8C => Refusal::Credential,
        0x84 => Refusal::Version,
        0x85 => Refusal::ClientId,
        _ => Refusal::Passing,
    }
}
