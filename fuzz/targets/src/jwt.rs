//! Tokens: found in a request, read, and held against keys of every sort.

mod lab;

use hearthgate::auth::{Presented, Verified};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use lab::{Forger, LAB, Signer, now};
use serde_json::{Map, Value};

/// How long after its end a token is still honoured: the default of `leeway`, with some seconds for the test itself.
const LEEWAY: f64 = 35.0;

/// The first byte says what is made of the rest: a request as it stands, a token signed by one who may, or one by
/// somebody who may not. The second chooses who that is. Nothing is taken but what a key of its issuer signed, as it
/// was signed, and for as long as it holds.
pub fn jwt(data: &[u8]) {
    let [what, who, rest @ ..] = data else {
        return;
    };
    match what % 4 {
        0 => request(rest),
        1 => signed(*who, rest),
        2 => forged(*who, rest),
        _ => altered(*who, rest),
    }
}

/// A request's headers and query, one a line: whatever token they have is nobody's.
fn request(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut headers = HeaderMap::new();
    for name in [AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL] {
        let value = lines
            .next()
            .and_then(|line| HeaderValue::from_bytes(line).ok());
        value.and_then(|value| headers.insert(name, value));
    }
    let query = lines.next().and_then(|line| std::str::from_utf8(line).ok());
    if let Some(token) = Presented::from_request(&headers, query, true).0 {
        assert!(!token.expose().is_empty());
        refused(token.expose(), "a token that nobody signed");
    }
}

/// Header and claims by one whose tokens are taken.
fn signed(who: u8, data: &[u8]) {
    let Some((header, claims)) = parts(data) else {
        return;
    };
    let signer = Signer::of(who);
    let token = signer.sign(header, claims);
    let Some(verified) = taken(&token) else {
        return;
    };
    let header: Map<String, Value> =
        serde_json::from_slice(header).expect("a header that was read");
    assert_eq!(header["alg"], signer.algorithm(), "another algorithm");
    assert!(header.get("crit").is_none_or(Value::is_null), "critical");
    let claims: Map<String, Value> = serde_json::from_slice(claims).expect("claims that were read");
    holds(&verified, &claims);
    assert!(signer.may(&header, &claims), "another issuer's key");
}

/// What every token must say that is taken.
fn holds(verified: &Verified, claims: &Map<String, Value>) {
    let end = claims["exp"].as_f64().expect("exp is a number");
    assert!(end + LEEWAY >= now(), "expired");
    let begin = claims.get("nbf").and_then(Value::as_f64);
    assert!(begin.is_none_or(|begin| begin <= now() + LEEWAY), "not yet");
    let subject = match &claims["sub"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    assert_eq!(verified.identity.subject, subject);
    assert!((1..=256).contains(&subject.len()));
    assert_eq!(&verified.identity.claims, claims);
    assert!(verified.honoured_until >= verified.expires_at);
}

/// Header and claims by one who has what is public, and no more.
fn forged(who: u8, data: &[u8]) {
    if let Some((header, claims)) = parts(data) {
        let forger = Forger::of(who);
        refused(&forger.sign(header, claims), forger.0);
    }
}

/// A good token, of which what was signed is replaced: its header by the first line, or its claims by the second.
fn altered(who: u8, data: &[u8]) {
    let Some((header, claims)) = parts(data) else {
        return;
    };
    let (good_header, good_claims) = Signer::of(who).good();
    let good = Signer::of(who).sign(good_header.as_bytes(), good_claims.as_bytes());
    let (body, signature) = good.rsplit_once('.').expect("three parts");
    for (header, claims) in [
        (header, good_claims.as_bytes()),
        (good_header.as_bytes(), claims),
    ] {
        let other = lab::body(header, claims);
        if other != body {
            refused(&format!("{other}.{signature}"), "altered");
        }
    }
}

fn parts(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = data.iter().position(|byte| *byte == b'\n')?;
    Some((&data[..end], &data[end + 1..]))
}

fn refused(token: &str, what: &str) {
    assert!(taken(token).is_none(), "{what} is taken: {token}");
}

/// Checked twice: a check changes nothing, and an answer has a sentence.
fn taken(token: &str) -> Option<Verified> {
    let check = || LAB.runtime.block_on(LAB.auth.verify(token));
    let found = check();
    assert_eq!(found, check(), "another answer for the same token");
    match found {
        Ok(verified) => Some(verified),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}
