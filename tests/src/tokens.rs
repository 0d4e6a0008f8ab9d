//! An issuer of tokens that a test plays.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// An issuer with a key of Ed25519.
pub struct Issuer {
    pair: KeyPair,
    id: String,
}

impl Default for Issuer {
    fn default() -> Self {
        Self::new("key-1")
    }
}

/// Seconds since 1970, so many from now.
#[must_use]
pub fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX) + seconds
}

impl Issuer {
    /// A new key with this id.
    ///
    /// # Panics
    /// There is no randomness.
    #[must_use]
    pub fn new(id: &str) -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key can be made");
        Self {
            pair,
            id: id.to_owned(),
        }
    }

    /// The public key as PEM.
    #[must_use]
    pub fn public_key(&self) -> String {
        self.pair.public_key_pem()
    }

    /// `[[auth.issuer]]` with the public key in that file, which is written.
    ///
    /// # Panics
    /// The file can't be written.
    #[must_use]
    pub fn section(&self, folder: &std::path::Path) -> String {
        std::fs::write(folder.join("issuer.pem"), self.public_key())
            .expect("the folder can be written");
        "[[auth.issuer]]\nkey = { file = \"issuer.pem\" }\n".to_owned()
    }

    /// The public key as a JSON Web Key (RFC 8037).
    #[must_use]
    pub fn jwk(&self) -> Value {
        let x = base64url(self.pair.public_key_raw());
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.id, "x": x })
    }

    /// A token with these claims.
    ///
    /// # Panics
    /// It can't be signed.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.id.clone());
        let key = EncodingKey::from_ed_pem(self.pair.serialize_pem().as_bytes());
        let key = key.expect("the key is one of Ed25519");
        jsonwebtoken::encode(&header, claims, &key).expect("claims can be signed")
    }

    /// A token of somebody with these roles, for ten minutes.
    #[must_use]
    pub fn token(&self, subject: &str, roles: &[&str]) -> String {
        self.sign(&json!({ "sub": subject, "roles": roles, "exp": in_seconds(600) }))
    }
}

/// Base64 for URLs, without padding (RFC 4648, section 5).
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let number = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for place in 0..=chunk.len() {
            let index = (number >> (18 - 6 * place)) & 63;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}
