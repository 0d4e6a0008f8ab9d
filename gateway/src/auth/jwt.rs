//! JSON Web Tokens (RFC 7519), each held against its issuer's rules.

use super::jwks::Remote;
use super::keys::{BadKey, Key};
use super::{AuthError, Identity, Verified};
use crate::config::auth::{Issuer, Keys};
use crate::event::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Longest subject, in bytes.
const MAX_SUBJECT: usize = 256;
/// Most roles of one identity, and the longest, in bytes.
const MAX_ROLES: usize = 64;
const MAX_ROLE: usize = 128;

/// An issuer whose tokens are taken.
pub(super) struct Known {
    rules: Issuer,
    keys: Source,
}

enum Source {
    Local(Box<Key>),
    /// The key is not there or is none: nobody gets in by it, and everything else goes on.
    Broken,
    Remote(Arc<Remote>),
}

/// What is looked at before a signature is checked: it only chooses whose keys are tried.
#[derive(Deserialize)]
struct Peek {
    #[serde(default)]
    iss: Value,
}

impl Known {
    /// Reads what the configuration names. A key that is not there or is none is logged; the file may be put right
    /// and the configuration read again.
    fn new(rules: &Issuer) -> Self {
        let keys = match &rules.keys {
            Keys::Remote { .. } => Source::Remote(Remote::start(rules)),
            Keys::Local(source) => match Key::local(rules, source) {
                Ok(key) => Source::Local(Box::new(key)),
                Err(BadKey(why)) => {
                    tracing::error!(issuer = %rules.name, why, "the key of an issuer can't be used: its tokens are refused");
                    Source::Broken
                }
            },
        };
        Self {
            rules: rules.clone(),
            keys,
        }
    }

    /// As [`Known::new`]; what was fetched for the same issuer before is kept.
    pub(super) fn again(rules: &Issuer, before: &[Known]) -> Self {
        let same = before.iter().find(|known| known.rules == *rules);
        match same.map(|known| &known.keys) {
            Some(Source::Remote(remote)) => Self {
                rules: rules.clone(),
                keys: Source::Remote(remote.clone()),
            },
            _ => Self::new(rules),
        }
    }

    /// The gateway's own issuer, for users that log in.
    pub(super) fn own(rules: Issuer, secret: &[u8]) -> Result<Self, BadKey> {
        let key = Key::secret(&rules, secret)?;
        Ok(Self {
            rules,
            keys: Source::Local(Box::new(key)),
        })
    }

    async fn verify(&self, token: &str) -> Result<Verified, AuthError> {
        let claims = match &self.keys {
            Source::Local(key) => key.open(token)?,
            Source::Broken => return Err(AuthError::KeysUnavailable),
            Source::Remote(remote) => {
                let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Header)?;
                let keys = remote.keys(header.kid.as_deref()).await?;
                try_each(&keys, token)?
            }
        };
        self.identify(claims)
    }

    fn identify(&self, claims: Map<String, Value>) -> Result<Verified, AuthError> {
        let subject = match step(&claims, &self.rules.subject_claim) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) if number.is_u64() => number.to_string(),
            _ => return Err(AuthError::Claim("sub")),
        };
        if subject.is_empty()
            || subject.len() > MAX_SUBJECT
            || subject.chars().any(char::is_control)
        {
            return Err(AuthError::Claim("sub"));
        }
        let expires_at = seconds(&claims, "exp");
        Ok(Verified {
            expires_at,
            honoured_until: expires_at.map(|at| at.after(self.rules.leeway)),
            warn_at: None,
            issued_at: seconds(&claims, "iat"),
            hash: None,
            token_id: claims.get("jti").and_then(Value::as_str).map(Arc::from),
            identity: Arc::new(Identity {
                subject,
                roles: roles(step(&claims, &self.rules.roles_claim)),
                claims,
            }),
        })
    }
}

/// Checks a token against the issuers that may have issued it.
pub(super) async fn verify(issuers: &[Known], token: &str) -> Result<(Verified, usize), AuthError> {
    if let [only] = issuers {
        return Ok((only.verify(token).await.map_err(plain(token))?, 0));
    }
    let peek: Peek = jsonwebtoken::dangerous::insecure_decode_claims(token)
        .map_err(|_| plain(token)(AuthError::Malformed))?;
    let mut error = AuthError::Issuer;
    for (nth, issuer) in issuers.iter().enumerate() {
        let named = issuer.rules.issuer.as_deref();
        if named.is_some_and(|name| peek.iss.as_str() != Some(name)) {
            continue;
        }
        match issuer.verify(token).await {
            Ok(verified) => return Ok((verified, nth)),
            Err(why) => error = plain(token)(why),
        }
    }
    Err(error)
}

/// Tells an algorithm that is none from a text that is no token: both can't be read.
fn plain(token: &str) -> impl Fn(AuthError) -> AuthError {
    move |error| match error {
        AuthError::Malformed if jsonwebtoken::decode_header(token).is_err() => AuthError::Header,
        other => other,
    }
}

/// Without a key's name in the token each key of the set may be the one.
fn try_each(keys: &[Arc<Key>], token: &str) -> Result<Map<String, Value>, AuthError> {
    let mut error = AuthError::UnknownKey;
    for key in keys {
        match key.open(token) {
            Ok(claims) => return Ok(claims),
            // Another key may fit; what the claims lack, they lack for every key.
            Err(why @ (AuthError::Signature | AuthError::Algorithm)) => error = why,
            Err(why) => return Err(why),
        }
    }
    Err(error)
}

/// What stands at the end of these steps.
pub(super) fn step<'a>(claims: &'a Map<String, Value>, steps: &[String]) -> Option<&'a Value> {
    let (first, rest) = steps.split_first()?;
    let mut value = claims.get(first)?;
    for step in rest {
        value = value.get(step)?;
    }
    Some(value)
}

/// A NumericDate (RFC 7519, section 2), which may have a fraction.
fn seconds(claims: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    let value = claims.get(name)?;
    let whole = value.as_u64().map(Timestamp::from_seconds);
    whole.or_else(|| Some(Timestamp::from_millis((value.as_f64()? * 1000.0) as u64)))
}

fn roles(found: Option<&Value>) -> Vec<String> {
    let words: Vec<&str> = match found {
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => text.split([' ', ',']).collect(),
        _ => Vec::new(),
    };
    let fits = |word: &&str| (1..=MAX_ROLE).contains(&word.len());
    let fitting = words.into_iter().filter(fits).take(MAX_ROLES);
    fitting.map(str::to_owned).collect()
}
