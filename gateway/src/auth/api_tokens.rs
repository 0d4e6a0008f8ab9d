//! API tokens: random texts that the gateway knows by their hashes only.
//!
//! SHA-256 without salt or repetition is enough here, and would not be for passwords: a token is 256 random bits, so
//! there is nothing to guess and no table to make, however fast the hash; and a check must cost microseconds.

use super::{AuthError, Identity, Verified};
use crate::config::auth::ApiToken;
use crate::event::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// What every API token begins with, so that people and scanners for leaked secrets know one when they see it.
pub const PREFIX: &str = "hgt_";

pub(super) struct Tokens(Vec<Known>);

struct Known {
    hash: [u8; 32],
    verified: Verified,
}

impl Tokens {
    pub(super) fn new(tokens: &BTreeMap<String, ApiToken>) -> Self {
        let known = |(name, token): (&String, &ApiToken)| Known {
            hash: token.hash,
            verified: Verified {
                identity: Arc::new(Identity {
                    subject: token.subject.clone(),
                    roles: token.roles.clone(),
                    claims: serde_json::Map::new(),
                }),
                expires_at: token.expires,
                honoured_until: token.expires,
                warn_at: None,
                issued_at: None,
                token_id: Some(format!("token:{name}").into()),
                hash: Some(token.hash),
            },
        };
        Self(tokens.iter().map(known).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks at all of them, each in constant time, so that the time tells nothing about how near a guess came.
    pub(super) fn verify(&self, token: &str) -> Result<Verified, AuthError> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let mut found = None;
        for known in &self.0 {
            if bool::from(known.hash.ct_eq(&hash)) {
                found = Some(&known.verified);
            }
        }
        let verified = found.ok_or(AuthError::Unknown)?;
        match verified.expires_at {
            Some(end) if end <= Timestamp::now() => Err(AuthError::Expired),
            _ => Ok(verified.clone()),
        }
    }
}

/// A new token and the hash to write into the configuration.
#[must_use]
pub fn generate() -> (zeroize::Zeroizing<String>, String) {
    let random: [u8; 32] = rand::random();
    let token = zeroize::Zeroizing::new(format!("{PREFIX}{}", hex(&random)));
    let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    (token, format!("sha256:{}", hex(&hash)))
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_token_is_known_by_its_hash_until_it_ends() {
        let (token, hash) = generate();
        let (late, late_hash) = generate();
        let text = format!(
            "[auth.tokens.ci]\nhash = {hash:?}\nroles = [\"robot\"]\n[auth.tokens.old]\nhash = {late_hash:?}\nexpires = \"2020-01-01T00:00:00Z\""
        );
        let config = Config::parse(&text).expect("valid");
        let tokens = Tokens::new(&config.auth.tokens);
        let found = tokens.verify(&token).expect("known");
        assert_eq!(
            (&*found.identity.subject, &found.identity.roles[..]),
            ("ci", &["robot".to_owned()][..])
        );
        assert_eq!(tokens.verify(&late), Err(AuthError::Expired));
        assert_eq!(tokens.verify("hgt_guess"), Err(AuthError::Unknown));
        assert_eq!(
            tokens.verify(&hash),
            Err(AuthError::Unknown),
            "the hash itself opens nothing"
        );
    }
}
