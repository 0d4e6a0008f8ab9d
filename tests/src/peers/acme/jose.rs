//! What an ACME client signs: JSON Web Signatures with ES256 (RFC 7515, RFC 8555 section 6.2).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::Value;
use sha2::{Digest, Sha256};

type Refused = (u16, &'static str, String);

/// A client's key.
pub(super) struct Jwk {
    x: String,
    y: String,
}

/// A request's body.
pub(super) struct Signed {
    /// The protected header.
    pub header: Value,
    /// What is asked; null where nothing is said.
    pub payload: Value,
    /// The key, where the header brings one: only a new account does.
    pub key: Option<Jwk>,
    input: String,
    signature: String,
}

/// Bytes that are written as text.
pub(super) fn bytes(text: &Value) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text.as_str()?).ok()
}

impl Signed {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refused> {
        let malformed = || (400, "malformed", "no signed request".to_owned());
        let body: Value = serde_json::from_slice(body).map_err(|_| malformed())?;
        let text = |name: &str| body[name].as_str().map(str::to_owned).ok_or_else(malformed);
        let header = bytes(&body["protected"]).ok_or_else(malformed)?;
        let header: Value = serde_json::from_slice(&header).map_err(|_| malformed())?;
        let payload = bytes(&body["payload"]).ok_or_else(malformed)?;
        let payload = serde_json::from_slice(&payload).unwrap_or_default();
        let part = |name: &str| header["jwk"][name].as_str().map(str::to_owned);
        Ok(Self {
            key: part("x").zip(part("y")).map(|(x, y)| Jwk { x, y }),
            input: format!("{}.{}", text("protected")?, text("payload")?),
            signature: text("signature")?,
            header,
            payload,
        })
    }

    /// The account that it names.
    pub(super) fn account(&self) -> Option<&str> {
        self.header["kid"].as_str()
    }

    pub(super) fn verify(&self, key: &Jwk) -> Result<(), Refused> {
        let wrong = |why: &str| (401, "unauthorized", why.to_owned());
        if self.header["alg"] != "ES256" {
            return Err((400, "badSignatureAlgorithm", "ES256 only".to_owned()));
        }
        let key = DecodingKey::from_ec_components(&key.x, &key.y);
        let key = key.map_err(|_| wrong("no key"))?;
        let input = self.input.as_bytes();
        match crypto::verify(&self.signature, input, &key, Algorithm::ES256) {
            Ok(true) => Ok(()),
            _ => Err(wrong("the signature is another's")),
        }
    }
}

impl Jwk {
    /// RFC 7638.
    pub(super) fn thumbprint(&self) -> String {
        let Self { x, y } = self;
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text))
    }
}
