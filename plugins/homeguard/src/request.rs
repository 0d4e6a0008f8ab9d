//! HTTP requests taken apart: the path's parts and the query, decoded.

use crate::reply::Problem;
use hearthgate_plugin::HttpCall;

/// The parts of a path, each decoded; a slash at the end is none.
#[must_use]
pub fn parts(path: &str) -> Vec<String> {
    let path = path.trim_matches('/');
    path.split('/').map(decode).collect()
}

/// `%HH` as the byte that it stands for.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.filter(|code| code.iter().all(u8::is_ascii_hexdigit));
        let code =
            code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A value of the query; an empty one is none.
#[must_use]
pub fn query<'a>(call: &'a HttpCall, name: &str) -> Option<&'a str> {
    let found = call.query.iter().find(|(key, _)| key == name);
    found
        .map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty())
}

/// A whole number of the query, between `least` and `most`.
///
/// # Errors
/// It is none, or out of bounds.
pub fn number(
    call: &HttpCall,
    name: &str,
    otherwise: u32,
    least: u32,
    most: u32,
) -> Result<u32, Problem> {
    let Some(text) = query(call, name) else {
        return Ok(otherwise);
    };
    let number = text
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| {
        Problem::new(
            422,
            format!("{name} must be a whole number from {least} to {most}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_and_decoded() {
        for (path, expected) in [
            ("/api/devices", vec!["api", "devices"]),
            ("/api/devices/", vec!["api", "devices"]),
            (
                "/api/devices/aa%3Abb:cc/block",
                vec!["api", "devices", "aa:bb:cc", "block"],
            ),
            (
                "/api/alerts/7%3a10.0.0.1",
                vec!["api", "alerts", "7:10.0.0.1"],
            ),
            (
                "/a%2Fb/%/%4/%zz/100%",
                vec!["a/b", "%", "%4", "%zz", "100%"],
            ),
            ("/%C3%BC/%ff", vec!["ü", "\u{fffd}"]),
        ] {
            assert_eq!(parts(path), expected, "{path}");
        }
    }
}
