//! Keys that signatures are checked with, and the algorithms that fit each: what a token says of its algorithm never
//! decides how a key is used (RFC 8725, section 3.1).

use super::{AuthError, SigningKey};
use crate::config::auth::{Issuer, Keys};
use crate::config::{SecretSource, auth::ALGORITHMS};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Validation};
use std::path::Path;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Shortest secret of an HMAC, in bytes (RFC 7518, section 3.2, for HS256).
pub const MIN_SECRET: usize = 32;

/// A key, and what a token must be that it signed.
pub(super) struct Key {
    /// Its id.
    pub(super) id: Option<String>,
    decoding: DecodingKey,
    validation: Validation,
}

/// Why a key can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadKey(pub String);

/// What is wrong with the keys that a configuration has at hand: the issuer's number, and why. A variable that is not
/// set here is none of it.
#[must_use]
pub fn unusable(issuers: &[Issuer]) -> Vec<(usize, String)> {
    let wrong = |(i, issuer): (usize, &Issuer)| {
        let Keys::Local(source) = &issuer.keys else {
            return None;
        };
        let why = match source {
            SecretSource::Env(name) if std::env::var_os(name).is_none() => return None,
            SecretSource::Credential(name) if SecretSource::credential(name).is_err() => {
                return None;
            }
            SecretSource::Env(name) | SecretSource::Credential(name) => {
                format!("{name}: {}", Key::local(issuer, source).err()?)
            }
            SecretSource::File(path) => {
                let BadKey(why) = Key::local(issuer, source).err()?;
                let path = path.display().to_string();
                match why.starts_with(&path) {
                    true => why,
                    false => format!("{path}: {why}"),
                }
            }
        };
        Some((i, why))
    };
    issuers.iter().enumerate().filter_map(wrong).collect()
}

impl Key {
    /// The key at the place that the configuration names.
    pub(super) fn local(issuer: &Issuer, source: &SecretSource) -> Result<Self, BadKey> {
        let bytes = read(source)?;
        let (decoding, fitting) = parse(&bytes)?;
        Self::new(issuer, None, decoding, &fitting)
    }

    /// A secret that is here already.
    pub(super) fn secret(issuer: &Issuer, secret: &[u8]) -> Result<Self, BadKey> {
        let key = DecodingKey::from_secret(secret);
        Self::new(issuer, None, key, &[Algorithm::HS256])
    }

    /// A key of a set. `None`: one that is not for signatures that we know. A secret has no business in a public set.
    pub(super) fn of_set(issuer: &Issuer, jwk: &Jwk) -> Option<Self> {
        if !matches!(
            jwk.common.public_key_use,
            None | Some(PublicKeyUse::Signature)
        ) {
            return None;
        }
        let fitting: &[Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms(),
            AlgorithmParameters::EllipticCurve(key) => match key.curve {
                EllipticCurve::P256 => &[Algorithm::ES256],
                EllipticCurve::P384 => &[Algorithm::ES384],
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                &[Algorithm::EdDSA]
            }
            _ => return None,
        };
        let narrowed: Vec<_> = match jwk.common.key_algorithm {
            None => fitting.to_vec(),
            Some(named) => {
                let named = Algorithm::try_from(named).ok()?;
                let fitting = fitting.iter().copied();
                fitting.filter(|one| *one == named).collect()
            }
        };
        let decoding = DecodingKey::from_jwk(jwk).ok()?;
        Self::new(issuer, jwk.common.key_id.clone(), decoding, &narrowed).ok()
    }

    fn new(
        issuer: &Issuer,
        id: Option<String>,
        decoding: DecodingKey,
        fitting: &[Algorithm],
    ) -> Result<Self, BadKey> {
        let known = |one: &&Algorithm| ALGORITHMS.contains(&format!("{one:?}").as_str());
        let allowed = |one: &&Algorithm| {
            let named = issuer.algorithms.iter();
            let mut named = named.filter_map(|name| Algorithm::from_str(name).ok());
            issuer.algorithms.is_empty() || named.any(|name| name == **one)
        };
        let algorithms: Vec<_> = fitting
            .iter()
            .filter(known)
            .filter(allowed)
            .copied()
            .collect();
        if algorithms.is_empty() {
            let why = "none of the algorithms that are allowed fits the key";
            return Err(BadKey(why.to_owned()));
        }
        let validation = validation(issuer, algorithms);
        Ok(Self {
            id,
            decoding,
            validation,
        })
    }

    /// Checks signature and times, issuer and audience, and gives the claims.
    pub(super) fn open(
        &self,
        token: &str,
    ) -> Result<serde_json::Map<String, serde_json::Value>, AuthError> {
        let data = jsonwebtoken::decode(token, &self.decoding, &self.validation)?;
        // What is critical must be understood, and nothing of that sort is (RFC 7515, section 4.1.11).
        match data.header.crit {
            None => Ok(data.claims),
            Some(_) => Err(AuthError::Header),
        }
    }
}

/// What is wrong, as far as can be seen from here, with the keys that a configuration names: a key of the configuration,
/// below `auth`, and a sentence.
#[must_use]
pub fn problems(config: &crate::config::Auth) -> Vec<(String, String)> {
    let issuers = config.issuers.iter().enumerate();
    let mut found: Vec<_> = issuers
        .filter_map(|(i, issuer)| match &issuer.keys {
            // Only the service itself has its credentials; another process can't tell.
            Keys::Local(SecretSource::Credential(name))
                if SecretSource::credential(name).is_err() =>
            {
                None
            }
            Keys::Local(source) => {
                let BadKey(why) = Key::local(issuer, source).err()?;
                Some((
                    format!("issuer.{i}.key"),
                    format!("{why}; as it is, this issuer's tokens are refused"),
                ))
            }
            Keys::Remote { .. } => None,
        })
        .collect();
    if let Some(path) = &config.login.signing_key
        && let Err(BadKey(why)) = SigningKey::load(path)
    {
        found.push(("login.signing-key".to_owned(), why));
    }
    found
}

fn validation(issuer: &Issuer, algorithms: Vec<Algorithm>) -> Validation {
    let mut validation = Validation::new(algorithms[0]);
    validation.algorithms = algorithms;
    validation.leeway = issuer.leeway.as_secs();
    validation.validate_nbf = true;
    validation.required_spec_claims.clear();
    let required = &mut validation.required_spec_claims;
    if issuer.require_exp {
        required.insert("exp".to_owned());
    }
    if let Some(name) = &issuer.issuer {
        required.insert("iss".to_owned());
        validation.iss = Some([name.clone()].into());
    }
    if !issuer.audience.is_empty() {
        validation.required_spec_claims.insert("aud".to_owned());
        validation.aud = Some(issuer.audience.iter().cloned().collect());
    }
    validation
}

/// The bytes of a secret: the text of a variable, or of a file without its last line break.
pub(super) fn read(source: &SecretSource) -> Result<Zeroizing<Vec<u8>>, BadKey> {
    match source {
        SecretSource::Env(name) => match std::env::var(name) {
            Ok(text) => Ok(Zeroizing::new(text.into_bytes())),
            Err(_) => Err(BadKey(format!(
                "the environment variable {name} is not set"
            ))),
        },
        SecretSource::File(path) => read_file(path),
        SecretSource::Credential(name) => {
            read_file(&SecretSource::credential(name).map_err(BadKey)?)
        }
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, BadKey> {
    let bytes = std::fs::read(path);
    let bytes = bytes.map_err(|e| BadKey(format!("{}: {e}", path.display())))?;
    let mut bytes = Zeroizing::new(bytes);
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(bytes)
}

/// What begins as PEM is never taken for a secret: a public key is public, and who has it could sign with it.
fn parse(bytes: &[u8]) -> Result<(DecodingKey, Vec<Algorithm>), BadKey> {
    let family = |family: AlgorithmFamily| family.algorithms().to_vec();
    let text = bytes.trim_ascii_start();
    if !text.starts_with(b"-----BEGIN") {
        if bytes.len() < MIN_SECRET {
            return Err(BadKey(format!(
                "a secret must have at least {MIN_SECRET} bytes, this one has {}",
                bytes.len()
            )));
        }
        let key = DecodingKey::from_secret(bytes);
        return Ok((key, family(AlgorithmFamily::Hmac)));
    }
    if bytes.windows(11).any(|w| w == b"PRIVATE KEY") {
        let why = "this is a private key; the gateway needs the public one";
        return Err(BadKey(why.to_owned()));
    }
    if let Ok(key) = DecodingKey::from_ed_pem(bytes) {
        return Ok((key, family(AlgorithmFamily::Ed)));
    }
    if let Ok(key) = DecodingKey::from_ec_pem(bytes) {
        return Ok((key, family(AlgorithmFamily::Ec)));
    }
    match DecodingKey::from_rsa_pem(bytes) {
        Ok(key) => Ok((key, family(AlgorithmFamily::Rsa))),
        Err(_) => Err(BadKey(
            "this PEM is no public key of RSA, of P-256 or P-384, or of Ed25519".to_owned(),
        )),
    }
}
