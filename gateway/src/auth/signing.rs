//! The secret with which the gateway signs what its own users get, and the signing.

use super::api_tokens::hex;
use super::keys::{BadKey, MIN_SECRET};
use crate::config::auth::{Issuer, Keys, SecretSource};
use crate::event::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// `iss` of the gateway's own tokens.
pub const ISSUER: &str = "hearthgate";
/// `aud` of a token that opens the gateway.
pub const ACCESS: &str = "hearthgate";
/// `aud` of a token that only gets a new one.
pub const REFRESH: &str = "hearthgate:refresh";

/// A secret for HS256. It is the gateway's alone, and so are the tokens: nobody else needs to check them.
pub struct SigningKey(Zeroizing<Vec<u8>>);

impl SigningKey {
    /// Where it is kept when the configuration does not say.
    #[must_use]
    pub fn usual_place(state: &Path) -> PathBuf {
        state.join("auth").join("signing.key")
    }

    /// Reads it; one that is not there is made, readable by the gateway's user alone.
    ///
    /// # Errors
    /// The file can't be read or written, or is too short.
    pub fn load_or_make(path: &Path) -> Result<Self, BadKey> {
        match Self::load(path) {
            Ok(Some(key)) => Ok(key),
            Ok(None) => Self::make(path),
            Err(error) => Err(error),
        }
    }

    /// Reads it. `None`: there is none.
    ///
    /// # Errors
    /// The file can't be read, or is too short.
    pub fn load(path: &Path) -> Result<Option<Self>, BadKey> {
        let wrong = |why: String| BadKey(format!("{}: {why}", path.display()));
        match std::fs::read(path) {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                let trimmed = Zeroizing::new(bytes.trim_ascii_end().to_vec());
                if trimmed.len() < MIN_SECRET {
                    return Err(wrong(format!("must have at least {MIN_SECRET} bytes")));
                }
                Ok(Some(Self(trimmed)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(wrong(error.to_string())),
        }
    }

    fn make(path: &Path) -> Result<Self, BadKey> {
        let wrong = |error: std::io::Error| BadKey(format!("{}: {error}", path.display()));
        if let Some(folder) = path.parent() {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(folder).map_err(wrong)?;
        }
        let random: [u8; 32] = rand::random();
        let text = Zeroizing::new(hex(&random));
        let mut options = std::fs::OpenOptions::new();
        let mut file = match options.write(true).create_new(true).mode(0o600).open(path) {
            Ok(file) => file,
            // Another process was quicker; its key is as good.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Self::load(path)?.ok_or_else(|| wrong(error));
            }
            Err(error) => return Err(wrong(error)),
        };
        file.write_all(text.as_bytes()).map_err(wrong)?;
        file.sync_all().map_err(wrong)?;
        tracing::info!(path = %path.display(), "a key for signing users' tokens was made");
        Ok(Self(Zeroizing::new(text.as_bytes().to_vec())))
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.0
    }
}

/// The rules for tokens that the gateway made out to `audience`.
pub(super) fn own_rules(audience: &str) -> Issuer {
    Issuer {
        name: "login".to_owned(),
        issuer: Some(ISSUER.to_owned()),
        // Never read: the key is handed over.
        keys: Keys::Local(SecretSource::Env(String::new())),
        algorithms: Vec::new(),
        audience: vec![audience.to_owned()],
        leeway: Duration::ZERO,
        subject_claim: vec!["sub".to_owned()],
        roles_claim: vec!["roles".to_owned()],
        require_exp: true,
    }
}

/// Signs claims; `iat`, `nbf`, `exp` and `jti` are added.
///
/// # Errors
/// The key does not fit the algorithm.
pub fn mint(
    mut claims: Map<String, Value>,
    lifetime: Duration,
    algorithm: Algorithm,
    key: &EncodingKey,
    key_id: Option<&str>,
) -> Result<String, jsonwebtoken::errors::Error> {
    let now = Timestamp::now().as_millis() / 1000;
    claims.insert("iat".into(), now.into());
    claims.insert("nbf".into(), now.into());
    claims.insert("exp".into(), (now + lifetime.as_secs().max(1)).into());
    let id: [u8; 16] = rand::random();
    claims.insert("jti".into(), hex(&id).into());
    let mut header = Header::new(algorithm);
    header.kid = key_id.map(str::to_owned);
    jsonwebtoken::encode(&header, &claims, key)
}
