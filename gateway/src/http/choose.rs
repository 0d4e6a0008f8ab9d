//! Which of a path's dialects a client speaks: it says so in the query or by a subprotocol, else it is the first.

use crate::config::DialectName;
use hyper::Request;
use hyper::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};

/// The native protocol's name as a WebSocket subprotocol.
const NATIVE: &str = "hearthgate.v1";
/// What a token begins with that is offered as one more subprotocol (PROTOCOL.md). It is a secret, and never chosen.
const TOKEN: &str = "bearer.";
/// Most characters of a name that are repeated to the client.
const SHOWN: usize = 64;

/// A client's choice.
#[derive(Debug, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// The dialect.
    pub dialect: &'a DialectName,
    /// The subprotocol by which the client offered it.
    pub subprotocol: Option<HeaderValue>,
}

/// Finds what a client speaks among a path's dialects, of which there is at least one.
///
/// # Errors
/// A sentence for the client: it asked for others only.
pub fn choose<'a, B>(
    dialects: &'a [DialectName],
    request: &Request<B>,
) -> Result<Chosen<'a>, String> {
    let offered: Vec<_> = offered(request).collect();
    let offer_of = |dialect: &DialectName| {
        let names = [
            dialect.as_str(),
            if *dialect == DialectName::Native {
                NATIVE
            } else {
                ""
            },
        ];
        let offer = offered.iter().find(|offer| names.contains(*offer))?;
        HeaderValue::from_str(offer).ok()
    };
    let chosen = |dialect| Chosen {
        dialect,
        subprotocol: offer_of(dialect),
    };
    if let Some(asked) = asked(request) {
        let found = dialects.iter().find(|dialect| dialect.as_str() == asked);
        return found.map(chosen).ok_or_else(|| unknown(dialects, &asked));
    }
    // The client's order is its preference (RFC 6455, section 4.2.2).
    let known = |offer: &&str| {
        let is = |d: &&DialectName| {
            d.as_str() == *offer || **d == DialectName::Native && *offer == NATIVE
        };
        dialects.iter().find(is)
    };
    if let Some(dialect) = offered.iter().find_map(known) {
        return Ok(chosen(dialect));
    }
    match (offered.first(), dialects.first()) {
        (Some(offer), _) => Err(unknown(dialects, offer)),
        (None, Some(default)) => Ok(chosen(default)),
        (None, None) => Err("this path speaks nothing".to_owned()),
    }
}

fn asked<B>(request: &Request<B>) -> Option<String> {
    let query = request.uri().query()?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let found = pairs.find(|(name, _)| name == "dialect")?;
    Some(found.1.into_owned())
}

/// The subprotocols that a client offers, but for a token.
fn offered<B>(request: &Request<B>) -> impl Iterator<Item = &str> {
    let values = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let names = texts.flat_map(|text| text.split(',')).map(str::trim);
    names.filter(|name| !name.is_empty() && !name.starts_with(TOKEN))
}

fn unknown(dialects: &[DialectName], asked: &str) -> String {
    let names: Vec<_> = dialects
        .iter()
        .map(|d| format!("{:?}", d.as_str()))
        .collect();
    let shown: String = asked.chars().take(SHOWN).collect();
    format!(
        "this path speaks {}; {shown:?} is none of them",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialects() -> Vec<DialectName> {
        let names = ["pma", "native", "androidzen"];
        let parsed = names.map(|name| DialectName::parse(name).expect("a name"));
        parsed.to_vec()
    }

    fn check(query: &str, offer: &[&str], expected: Result<(&str, Option<&str>), &str>) {
        let mut request = Request::new(());
        *request.uri_mut() = format!("/ws{query}").parse().expect("a path");
        for offer in offer {
            let value = HeaderValue::from_str(offer).expect("a value");
            request.headers_mut().append(SEC_WEBSOCKET_PROTOCOL, value);
        }
        let dialects = dialects();
        let found = choose(&dialects, &request);
        match (&found, expected) {
            (Ok(chosen), Ok((dialect, subprotocol))) => {
                assert_eq!(chosen.dialect.as_str(), dialect, "{query} {offer:?}");
                let chosen = chosen
                    .subprotocol
                    .as_ref()
                    .map(|v| v.to_str().expect("text"));
                assert_eq!(chosen, subprotocol, "{query} {offer:?}");
            }
            (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
            _ => panic!("{query} {offer:?}: {found:?}"),
        }
    }

    #[test]
    fn the_query_stands_above_the_subprotocol_and_the_first_is_the_default() {
        check("", &[], Ok(("pma", None)));
        check("?a=b", &[], Ok(("pma", None)));
        check("?dialect=native", &[], Ok(("native", None)));
        check(
            "?dialect=native",
            &["hearthgate.v1"],
            Ok(("native", Some("hearthgate.v1"))),
        );
        check("?dialect=native", &["pma"], Ok(("native", None)));
        check(
            "",
            &["hearthgate.v1"],
            Ok(("native", Some("hearthgate.v1"))),
        );
        check("", &["native"], Ok(("native", Some("native"))));
        check(
            "",
            &["x, androidzen", "pma"],
            Ok(("androidzen", Some("androidzen"))),
        );
        check(
            "?dialect=pmaa",
            &[],
            Err("\"pma\", \"native\", \"androidzen\"; \"pmaa\" is none"),
        );
        check("?dialect=", &[], Err("\"\" is none"));
        check("", &["graphql-ws"], Err("\"graphql-ws\" is none"));
    }

    #[test]
    fn a_token_is_neither_chosen_nor_repeated() {
        check("", &["bearer.secret"], Ok(("pma", None)));
        check(
            "",
            &["bearer.secret, hearthgate.v1"],
            Ok(("native", Some("hearthgate.v1"))),
        );
        check("?dialect=native", &["bearer.native"], Ok(("native", None)));
    }
}
