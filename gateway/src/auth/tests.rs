//! Tokens that are taken and tokens that are not: one table for each rule.

mod people;

use super::*;
use crate::config::Config;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const RSA_PRIVATE: &[u8] = include_bytes!("fixtures/rsa-private.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("fixtures/rsa-public.pem");

/// A gateway's authentication, with its keys in a folder of its own.
struct Given {
    auth: Auth,
    _folder: TempDir,
}

fn given(write: impl FnOnce(&Path), issuers: &str) -> Given {
    let folder = TempDir::new().expect("a folder");
    write(folder.path());
    let text = issuers.replace("DIR", &folder.path().display().to_string());
    let config = Config::parse(&text).unwrap_or_else(|e| panic!("{e}"));
    let (audit, _) = Audit::new();
    let auth = Auth::start(&config.auth, &config.access, folder.path(), audit);
    Given {
        auth: auth.expect("it starts"),
        _folder: folder,
    }
}

fn with_secret(more: &str) -> Given {
    let issuer = format!("[[auth.issuer]]\nkey = {{ file = \"DIR/key\" }}\n{more}");
    given(
        |folder| std::fs::write(folder.join("key"), SECRET).expect("written"),
        &issuer,
    )
}

fn in_seconds(seconds: i64) -> i64 {
    i64::try_from(Timestamp::now().as_millis() / 1000).expect("in range") + seconds
}

fn good() -> Value {
    json!({ "sub": "alice", "roles": ["admin"], "exp": in_seconds(600), "jti": "one" })
}

fn sign(header: &Header, claims: &Value, key: &EncodingKey) -> String {
    jsonwebtoken::encode(header, claims, key).expect("it can be signed")
}

fn hs256(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    sign(&Header::new(Algorithm::HS256), claims, &key)
}

async fn check(given: &Given, what: &str, token: &str, expected: Result<&str, AuthError>) {
    let found = given.auth.verify(token).await;
    let subject = found.as_ref().map(|v| v.identity.subject.as_str());
    assert_eq!(subject.map_err(|e| *e), expected, "{what}");
}

/// The same claims with these on top; null takes one away.
fn but(changes: Value) -> Value {
    let mut claims = good();
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(claims.as_object_mut().expect("an object").remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

#[tokio::test]
async fn claims_are_held_to_the_issuers_rules() {
    let plain = with_secret("");
    let exp = |seconds| hs256(&but(json!({ "exp": in_seconds(seconds) })));
    for (what, claims, expected) in [
        ("good", json!({}), Ok("alice")),
        ("a numeric subject", json!({"sub": 42}), Ok("42")),
        ("no exp", json!({"exp": null}), Err(AuthError::Claim("exp"))),
        (
            "exp is a text",
            json!({"exp": "soon"}),
            Err(AuthError::Claim("exp")),
        ),
        (
            "exp is negative",
            json!({"exp": -1}),
            Err(AuthError::Claim("exp")),
        ),
        (
            "exp has a fraction",
            json!({"exp": in_seconds(60) as f64 + 0.5}),
            Ok("alice"),
        ),
        (
            "not yet",
            json!({"nbf": in_seconds(600)}),
            Err(AuthError::NotYet),
        ),
        (
            "nbf within the leeway",
            json!({"nbf": in_seconds(20)}),
            Ok("alice"),
        ),
        (
            "no subject",
            json!({"sub": null}),
            Err(AuthError::Claim("sub")),
        ),
        (
            "an empty subject",
            json!({"sub": ""}),
            Err(AuthError::Claim("sub")),
        ),
        (
            "a subject that is a list",
            json!({"sub": ["a"]}),
            Err(AuthError::Malformed),
        ),
        (
            "a subject with a line break",
            json!({"sub": "a\nb"}),
            Err(AuthError::Claim("sub")),
        ),
        (
            "a very long subject",
            json!({"sub": "a".repeat(257)}),
            Err(AuthError::Claim("sub")),
        ),
        (
            "made out to somebody",
            json!({"aud": "other"}),
            Err(AuthError::Audience),
        ),
    ] {
        check(&plain, what, &hs256(&but(claims)), expected).await;
    }
    check(&plain, "expired", &exp(-60), Err(AuthError::Expired)).await;
    check(&plain, "expired within the leeway", &exp(-10), Ok("alice")).await;
    let strict =
        with_secret("issuer = \"https://a\"\naudience = [\"gate\", \"door\"]\nleeway = \"0s\"");
    for (what, claims, expected) in [
        (
            "good",
            json!({"iss": "https://a", "aud": "gate"}),
            Ok("alice"),
        ),
        (
            "one of several",
            json!({"iss": "https://a", "aud": ["x", "door"]}),
            Ok("alice"),
        ),
        (
            "another audience",
            json!({"iss": "https://a", "aud": "x"}),
            Err(AuthError::Audience),
        ),
        (
            "no audience",
            json!({"iss": "https://a"}),
            Err(AuthError::Claim("aud")),
        ),
        (
            "another issuer",
            json!({"iss": "https://b", "aud": "gate"}),
            Err(AuthError::Issuer),
        ),
        (
            "no issuer",
            json!({"aud": "gate"}),
            Err(AuthError::Claim("iss")),
        ),
    ] {
        check(&strict, what, &hs256(&but(claims)), expected).await;
    }
    let now = but(json!({"iss": "https://a", "aud": "gate", "exp": in_seconds(-1)}));
    check(&strict, "no leeway", &hs256(&now), Err(AuthError::Expired)).await;
    let forever = with_secret("require-exp = false");
    check(
        &forever,
        "no exp",
        &hs256(&but(json!({"exp": null}))),
        Ok("alice"),
    )
    .await;
    let past = but(json!({"exp": in_seconds(-60)}));
    check(
        &forever,
        "but a past one",
        &hs256(&past),
        Err(AuthError::Expired),
    )
    .await;
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_refused() {
    let given = with_secret("");
    let token = hs256(&good());
    let (body, signature) = token.rsplit_once('.').expect("three parts");
    // {"alg":"none"}, {"alg":"NONE"} and {"alg":"HS256"} with another one's claims.
    let unsigned = |header: &str| format!("{header}.{}.", body.split('.').nth(1).expect("claims"));
    let key = EncodingKey::from_secret(b"another secret of thirty-two byt");
    let foreign = sign(&Header::new(Algorithm::HS256), &good(), &key);
    let mut critical = Header::new(Algorithm::HS256);
    critical.crit = Some(vec!["exp".to_owned()]);
    let critical = sign(
        &critical,
        &good(),
        &EncodingKey::from_secret(SECRET.as_bytes()),
    );
    for (what, token, expected) in [
        ("none", unsigned("eyJhbGciOiJub25lIn0"), AuthError::Header),
        ("NONE", unsigned("eyJhbGciOiJOT05FIn0"), AuthError::Header),
        ("no signature", format!("{body}."), AuthError::Signature),
        (
            "cut off",
            format!("{body}.{}", &signature[1..]),
            AuthError::Malformed,
        ),
        ("another key", foreign, AuthError::Signature),
        ("critical extension", critical, AuthError::Header),
        ("garbage", "a.b.c".to_owned(), AuthError::Header),
        ("dots", "..".to_owned(), AuthError::Header),
        ("too long", "a".repeat(8193), AuthError::TooLong),
        ("one word", "hunter2".to_owned(), AuthError::Unknown),
        ("empty", String::new(), AuthError::Unknown),
        (
            "not text",
            "\u{0}.\u{fffd}.\u{1}".to_owned(),
            AuthError::Header,
        ),
    ] {
        let found = given.auth.verify(&token).await.expect_err(what);
        let same = found == expected || what == "cut off" && found == AuthError::Signature;
        assert!(same, "{what}: {found:?}");
    }
    let empty = given_nothing();
    let nobody = empty.auth.verify(&token).await;
    assert_eq!(nobody.err(), Some(AuthError::NotConfigured));
}

fn given_nothing() -> Given {
    given(|_| {}, "")
}

/// Who has the public key must not be able to sign with it as if it were a secret (RFC 8725, section 2.1).
#[tokio::test]
async fn a_token_does_not_choose_how_its_key_is_used() {
    let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let public = pair.public_key_pem();
    let issuer = "[[auth.issuer]]\nkey = { file = \"DIR/key\" }";
    let write =
        |bytes: Vec<u8>| move |dir: &Path| std::fs::write(dir.join("key"), bytes).expect("written");
    let ed = given(write(public.clone().into_bytes()), issuer);
    let rsa = given(write(RSA_PUBLIC.to_vec()), issuer);
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        for (given, public) in [(&ed, public.as_bytes()), (&rsa, RSA_PUBLIC)] {
            let trimmed = public.trim_ascii_end();
            for bytes in [public, trimmed] {
                let forged = sign(
                    &Header::new(algorithm),
                    &good(),
                    &EncodingKey::from_secret(bytes),
                );
                check(
                    given,
                    "a public key as a secret",
                    &forged,
                    Err(AuthError::Algorithm),
                )
                .await;
            }
        }
    }
    let key = EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).expect("a private key");
    let token = sign(&Header::new(Algorithm::EdDSA), &good(), &key);
    check(&ed, "EdDSA", &token, Ok("alice")).await;
    check(
        &rsa,
        "EdDSA by an RSA key",
        &token,
        Err(AuthError::Algorithm),
    )
    .await;
    let key = EncodingKey::from_rsa_pem(RSA_PRIVATE).expect("a private key");
    for algorithm in [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
    ] {
        let token = sign(&Header::new(algorithm), &good(), &key);
        check(&rsa, "RSA", &token, Ok("alice")).await;
        check(
            &ed,
            "RSA by an Ed25519 key",
            &token,
            Err(AuthError::Algorithm),
        )
        .await;
    }
    let narrow = format!("{issuer}\nalgorithms = [\"PS256\"]");
    let narrow = given(write(RSA_PUBLIC.to_vec()), &narrow);
    let token = sign(&Header::new(Algorithm::RS256), &good(), &key);
    check(
        &narrow,
        "one that is not allowed",
        &token,
        Err(AuthError::Algorithm),
    )
    .await;
}

#[tokio::test]
async fn elliptic_curves_are_taken_too() {
    for (curve, algorithm) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, Algorithm::ES256),
        (&rcgen::PKCS_ECDSA_P384_SHA384, Algorithm::ES384),
    ] {
        let pair = KeyPair::generate_for(curve).expect("a key");
        let public = pair.public_key_pem();
        let issuer = "[[auth.issuer]]\nkey = { file = \"DIR/key\" }";
        let given = given(
            |dir| std::fs::write(dir.join("key"), public).expect("written"),
            issuer,
        );
        let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).expect("a private key");
        let token = sign(&Header::new(algorithm), &good(), &key);
        check(&given, "its own", &token, Ok("alice")).await;
    }
}

#[tokio::test]
async fn a_key_that_is_none_lets_nobody_in() {
    for key in [
        &b"short"[..],
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        RSA_PRIVATE,
    ] {
        let issuer = "[[auth.issuer]]\nkey = { file = \"DIR/key\" }";
        let given = given(
            |dir| std::fs::write(dir.join("key"), key).expect("written"),
            issuer,
        );
        check(
            &given,
            "broken",
            &hs256(&good()),
            Err(AuthError::KeysUnavailable),
        )
        .await;
    }
}
