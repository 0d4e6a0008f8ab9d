//! The token that a request brings, in one of the three places where it may be.

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use std::fmt;
use zeroize::Zeroizing;

/// What a token is offered as among WebSocket's subprotocols, which is the only header that a browser lets a page set.
const SUBPROTOCOL: &str = "bearer.";

/// A token, unread. It shows nothing of itself, and is wiped when it is dropped.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

/// The token that a request brings, if it does.
#[derive(Debug, Clone)]
pub struct Presented(pub Option<Token>);

impl Token {
    /// Takes a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Presented {
    /// Looks at `Authorization: Bearer`, then at the subprotocol `bearer.…`, then, where that is allowed, at the
    /// query's `token`. The first one counts. Another scheme of `Authorization` is no credential of ours: proxies
    /// leave theirs in the request.
    #[must_use]
    pub fn from_request(headers: &HeaderMap, query: Option<&str>, query_token: bool) -> Self {
        let found = bearer(headers).or_else(|| subprotocol(headers));
        Self(found.or_else(|| {
            let query = query.filter(|_| query_token)?;
            in_query(query)
        }))
    }
}

fn bearer(headers: &HeaderMap) -> Option<Token> {
    let values = headers.get_all(AUTHORIZATION).iter();
    let mut tokens = values.filter_map(|value| {
        let (scheme, rest) = value.as_bytes().split_at_checked(7)?;
        // A token that is no text is a bad one, not none.
        let rest = String::from_utf8_lossy(rest);
        let ours = scheme.eq_ignore_ascii_case(b"bearer ") && !rest.trim().is_empty();
        ours.then(|| Token::new(rest.trim()))
    });
    tokens.next()
}

fn subprotocol(headers: &HeaderMap) -> Option<Token> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let mut names = texts.flat_map(|text| text.split(',')).map(str::trim);
    names.find_map(|name| {
        let token = name.strip_prefix(SUBPROTOCOL)?;
        (!token.is_empty()).then(|| Token::new(token))
    })
}

/// Pages write what they have into an address: the words for "nothing" are none, and a `Bearer ` too many is cut off.
fn in_query(query: &str) -> Option<Token> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, value) = pairs.find(|(name, _)| name == "token")?;
    let value = Zeroizing::new(value.into_owned());
    let text = value.trim();
    let text = text.strip_prefix("Bearer ").unwrap_or(text).trim();
    match text {
        "" | "null" | "undefined" | "Bearer" => None,
        text => Some(Token::new(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    fn check(headers: &[(&str, &str)], query: Option<&str>, allowed: bool, expected: Option<&str>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).expect("a name");
            map.append(name, HeaderValue::try_from(*value).expect("a value"));
        }
        let found = Presented::from_request(&map, query, allowed).0;
        let found = found.as_ref().map(Token::expose);
        assert_eq!(found, expected, "{headers:?} {query:?}");
    }

    #[test]
    fn a_token_is_found_in_each_of_its_places() {
        let header = |value| [("authorization", value)];
        let offer = |value| [("sec-websocket-protocol", value)];
        check(&header("Bearer a.b.c"), None, false, Some("a.b.c"));
        check(&header("bearer   a.b.c "), None, false, Some("a.b.c"));
        check(&header("Bearer"), None, false, None);
        check(&header("Bearer "), None, false, None);
        check(&header("Basic dTpw"), None, false, None);
        check(
            &offer("hearthgate.v1, bearer.a.b.c"),
            None,
            false,
            Some("a.b.c"),
        );
        check(&offer("hearthgate.v1"), None, false, None);
        check(&[], Some("token=a.b.c"), true, Some("a.b.c"));
        check(&[], Some("token=a.b.c"), false, None);
        check(&[], Some("x=1&token=Bearer%20a.b.c"), true, Some("a.b.c"));
        check(&[], Some("token=Bearer+a.b.c"), true, Some("a.b.c"));
        for nothing in [
            "token=",
            "token=null",
            "token=undefined",
            "token=Bearer%20",
            "x=1",
        ] {
            check(&[], Some(nothing), true, None);
        }
        check(
            &header("Bearer first"),
            Some("token=last"),
            true,
            Some("first"),
        );
    }

    #[test]
    fn a_token_shows_nothing_of_itself() {
        let shown = format!("{:?}", Presented(Some(Token::new("hunter2"))));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
