//! Scalars: sizes, durations, addresses, checked against the shape of their key.

use super::keys::{Shape, nearest, quoted};
use super::tree::{Node, Value};
use std::net::SocketAddr;
use std::time::Duration;

/// The value of a key that is neither a list nor a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// `true` or `false`
    Flag(bool),
    /// A count, or a size in bytes.
    Number(u64),
    /// A span of time.
    Span(Duration),
    /// An address.
    Address(SocketAddr),
    /// Any text.
    Text(String),
}

/// Reads a scalar of this shape.
///
/// # Errors
/// What is expected, and what was found instead.
pub fn read(shape: Shape, node: &Node) -> Result<Scalar, String> {
    let wrong = || format!("expected {}, found {}", shape.expected(), node.describe());
    match (shape, &node.value) {
        (Shape::Flag, Value::Flag(flag)) => Ok(Scalar::Flag(*flag)),
        (Shape::Count(min, max), Value::Integer(number)) => u64::try_from(*number)
            .ok()
            .filter(|n| (min..=max).contains(n))
            .map(Scalar::Number)
            .ok_or_else(wrong),
        (Shape::Size(min, max), Value::Text(text)) => {
            let bytes = size(text).ok_or_else(wrong)?;
            if !(min..=max).contains(&bytes) {
                let (min, max) = (write_size(min), write_size(max));
                return Err(format!("must be from {min} to {max}, is {text}"));
            }
            Ok(Scalar::Number(bytes))
        }
        (Shape::Span(min, max), Value::Text(text)) => {
            let millis = span(text).ok_or_else(wrong)?;
            if !(min..=max).contains(&millis) {
                let (min, max) = (write_span(min), write_span(max));
                return Err(format!("must be from {min} to {max}, is {text}"));
            }
            Ok(Scalar::Span(Duration::from_millis(millis)))
        }
        (Shape::Period(..), Value::Text(text)) if text == "never" => {
            Ok(Scalar::Span(Duration::ZERO))
        }
        (Shape::Period(..), Value::Integer(0)) => Ok(Scalar::Span(Duration::ZERO)),
        (Shape::Period(min, max), Value::Text(text)) => match span(text).ok_or_else(wrong)? {
            0 => Ok(Scalar::Span(Duration::ZERO)),
            millis if (min..=max).contains(&millis) => {
                Ok(Scalar::Span(Duration::from_millis(millis)))
            }
            _ => {
                let (min, max) = (write_span(min), write_span(max));
                Err(format!(
                    "must be from {min} to {max}, or \"never\"; is {text}"
                ))
            }
        },
        (Shape::Size(..), Value::Integer(number)) if *number >= 0 => Err(format!(
            "a size needs a unit: \"{number}B\", \"{number}KiB\" or \"{number}MiB\""
        )),
        (Shape::Span(..) | Shape::Period(..), Value::Integer(number)) if *number >= 0 => Err(
            format!("a duration needs a unit: \"{number}ms\" or \"{number}s\""),
        ),
        (Shape::Address, Value::Text(text)) => {
            text.parse().map(Scalar::Address).map_err(|_| wrong())
        }
        (Shape::Choice(words), Value::Text(text)) => {
            if words.contains(&text.as_str()) {
                return Ok(Scalar::Text(text.clone()));
            }
            Err(unknown_word(text, words))
        }
        (Shape::Text | Shape::Path, Value::Text(text)) => Ok(Scalar::Text(text.clone())),
        _ => Err(wrong()),
    }
}

/// Says that a word is not one of those that are known.
#[must_use]
pub fn unknown_word(written: &str, known: &[&str]) -> String {
    match nearest(written, known.iter().copied()) {
        Some(near) => format!("{written:?} is unknown; did you mean {near:?}?"),
        None => format!(
            "{written:?} is unknown; it must be one of {}",
            quoted(known)
        ),
    }
}

const SIZES: [(&str, u64); 8] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];
const SPANS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Bytes of `"32MiB"`.
fn size(text: &str) -> Option<u64> {
    with_unit(text, &SIZES)
}

/// Milliseconds of `"50ms"`.
fn span(text: &str) -> Option<u64> {
    with_unit(text, &SPANS)
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn write_size(bytes: u64) -> String {
    let unit = SIZES
        .iter()
        .find(|(_, f)| bytes >= *f && bytes.is_multiple_of(*f));
    unit.map_or_else(
        || "\"0B\"".into(),
        |(name, f)| format!("\"{}{name}\"", bytes / f),
    )
}

fn write_span(millis: u64) -> String {
    let unit = SPANS
        .iter()
        .rev()
        .find(|(_, f)| millis >= *f && millis.is_multiple_of(*f));
    unit.map_or_else(
        || "\"0s\"".into(),
        |(name, f)| format!("\"{}{name}\"", millis / f),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_have_units() {
        let check = |found: Option<u64>, expected: Option<u64>| assert_eq!(found, expected);
        check(size("32MiB"), Some(32 * 1024 * 1024));
        check(size("1 kB"), Some(1000));
        check(size("0B"), Some(0));
        check(size("5"), None);
        check(size("MiB"), None);
        check(size("-1MiB"), None);
        check(size("99999999999999GiB"), None);
        check(span("50ms"), Some(50));
        check(span("2m"), Some(120_000));
        check(span("1.5s"), None);
        check(span("5 minutes"), None);
        assert_eq!(write_size(1 << 30), "\"1GiB\"");
        assert_eq!(write_span(86_400_000), "\"1d\"");
        assert_eq!(write_span(100), "\"100ms\"");
    }
}
