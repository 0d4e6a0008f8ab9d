//! A gateway's authentication with keys of every sort, those who have them, and those who would like to.

use hearthgate::auth::{Audit, Auth};
use hearthgate::config::Config;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Map, Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// A secret in a set of public keys: everybody knows it.
const PUBLIC_SECRET: &str = "fedcba9876543210fedcba9876543210";
const RSA_PRIVATE: &[u8] = include_bytes!("../../../../gateway/src/auth/fixtures/rsa-private.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("../../../../gateway/src/auth/fixtures/rsa-public.pem");
const P256_PRIVATE: &[u8] = include_bytes!("../../fixtures/p256-private.pem");
const P256_PUBLIC: &[u8] = include_bytes!("../../fixtures/p256-public.pem");
const ED25519_PRIVATE: &[u8] = include_bytes!("../../fixtures/ed25519-private.pem");
const ED25519_PUBLIC: &[u8] = include_bytes!("../../fixtures/ed25519-public.pem");

/// Four issuers: one with a secret, one with a set of keys, one with a key of one algorithm, and one without a name.
const ISSUERS: &str = r#"
    [[auth.issuer]]
    issuer = "secret"
    key = { file = "DIR/secret" }

    [[auth.issuer]]
    issuer = "set"
    audience = ["gate", "door"]
    jwks = "http://SET/"
    jwks-floor = "1h"
    jwks-refresh = "24h"

    [[auth.issuer]]
    issuer = "narrow"
    key = { file = "DIR/rsa" }
    algorithms = ["PS256"]

    [[auth.issuer]]
    key = { file = "DIR/ed25519" }
"#;

pub struct Lab {
    pub auth: Auth,
    pub runtime: Runtime,
    secret: EncodingKey,
    rsa: EncodingKey,
    p256: EncodingKey,
    ed25519: EncodingKey,
}

pub static LAB: LazyLock<Lab> = LazyLock::new(Lab::new);

impl Lab {
    fn new() -> Self {
        let rsa = EncodingKey::from_rsa_pem(RSA_PRIVATE).expect("a key");
        let p256 = EncodingKey::from_ec_pem(P256_PRIVATE).expect("a key");
        let ed25519 = EncodingKey::from_ed_pem(ED25519_PRIVATE).expect("a key");
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in [
            ("secret", SECRET.as_bytes()),
            ("rsa", RSA_PUBLIC),
            ("ed25519", ED25519_PUBLIC),
        ] {
            std::fs::write(folder.path().join(name), bytes).expect("a key is written");
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let auth = {
            let _inside = runtime.enter();
            start(folder.path(), &serve(&set(&rsa, &p256)))
        };
        let lab = Self {
            auth,
            runtime,
            secret: EncodingKey::from_secret(SECRET.as_bytes()),
            rsa,
            p256,
            ed25519,
        };
        lab.try_all();
        lab
    }

    /// Who may sign gets in, and the set of keys is fetched by that: a gateway that refuses all would hide everything.
    fn try_all(&self) {
        for signer in SIGNERS {
            let (header, claims) = signer.good();
            let token = signer.sign_with(self, header.as_bytes(), claims.as_bytes());
            let found = self.runtime.block_on(self.auth.verify(&token));
            assert!(found.is_ok(), "{header}.{claims}: {found:?}");
        }
    }
}

fn start(folder: &Path, set: &str) -> Auth {
    let text = ISSUERS.replace("DIR", &folder.display().to_string());
    let config = Config::parse(&text.replace("SET", set)).expect("a configuration");
    let (audit, _) = Audit::new();
    Auth::start(&config.auth, &config.access, folder, audit).expect("it starts")
}

/// A set with keys by name, and with a secret that has no business there.
fn set(rsa: &EncodingKey, p256: &EncodingKey) -> String {
    let named = |name: &str, key: &EncodingKey, algorithm| {
        let mut jwk = Jwk::from_encoding_key(key, algorithm).expect("its public half");
        jwk.common.key_algorithm = None;
        jwk.common.key_id = Some(name.to_owned());
        jwk
    };
    let public_secret = EncodingKey::from_secret(PUBLIC_SECRET.as_bytes());
    let keys = [
        named("oct", &public_secret, Algorithm::HS256),
        named("rsa", rsa, Algorithm::RS256),
        named("p256", p256, Algorithm::ES256),
    ];
    json!({ "keys": keys }).to_string()
}

/// Answers every request with this text; gives the address.
fn serve(text: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let length = text.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let answer = head + text;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let lines = BufReader::new(&stream).lines();
            let ended = lines.map_while(Result::ok).any(|line| line.is_empty());
            let _gone = ended.then(|| (&stream).write_all(answer.as_bytes()));
        }
    });
    address
}

/// Somebody whose tokens are taken: the key, the algorithm, the issuer, and the key's name in a set.
#[derive(Clone, Copy)]
pub struct Signer {
    key: fn(&Lab) -> &EncodingKey,
    algorithm: Algorithm,
    issuer: &'static str,
    name: Option<&'static str>,
}

const fn signer(
    key: fn(&Lab) -> &EncodingKey,
    algorithm: Algorithm,
    issuer: &'static str,
    name: Option<&'static str>,
) -> Signer {
    Signer {
        key,
        algorithm,
        issuer,
        name,
    }
}

const SIGNERS: [Signer; 9] = [
    signer(|lab| &lab.secret, Algorithm::HS256, "secret", None),
    signer(|lab| &lab.secret, Algorithm::HS384, "secret", None),
    signer(|lab| &lab.secret, Algorithm::HS512, "secret", None),
    signer(|lab| &lab.p256, Algorithm::ES256, "set", Some("p256")),
    signer(|lab| &lab.ed25519, Algorithm::EdDSA, "", None),
    signer(|lab| &lab.rsa, Algorithm::RS256, "set", Some("rsa")),
    signer(|lab| &lab.rsa, Algorithm::RS512, "set", Some("rsa")),
    signer(|lab| &lab.rsa, Algorithm::PS256, "set", Some("rsa")),
    signer(|lab| &lab.rsa, Algorithm::PS256, "narrow", Some("rsa")),
];

impl Signer {
    pub fn of(byte: u8) -> Self {
        SIGNERS[usize::from(byte) % SIGNERS.len()]
    }

    pub fn algorithm(&self) -> String {
        format!("{:?}", self.algorithm)
    }

    pub fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        self.sign_with(&LAB, header, claims)
    }

    fn sign_with(&self, lab: &Lab, header: &[u8], claims: &[u8]) -> String {
        let body = body(header, claims);
        let signature = crypto::sign(body.as_bytes(), (self.key)(lab), self.algorithm);
        format!("{body}.{}", signature.expect("the key fits"))
    }

    /// A header and claims that are taken from it.
    pub fn good(&self) -> (String, String) {
        let header = json!({ "alg": self.algorithm(), "typ": "JWT" });
        let mut claims = json!({
            "iss": self.issuer, "sub": "alice", "roles": ["admin"], "exp": 4_102_444_800_u64,
        });
        // A token made out to somebody is refused where no audience is configured.
        if self.issuer == "set" {
            claims["aud"] = "gate".into();
        }
        (header.to_string(), claims.to_string())
    }

    /// Whether one of the issuers takes its tokens, with this header and these claims. The one without a name takes
    /// its own whatever they say of the issuer; RSA's key belongs to two.
    pub fn may(&self, header: &Map<String, Value>, claims: &Map<String, Value>) -> bool {
        let is = |issuer: &str| claims.get("iss").is_some_and(|iss| iss == issuer);
        let name = header.get("kid").and_then(Value::as_str);
        let audience = claims.get("aud");
        let ours = || audience.is_some_and(|aud| names(aud, "gate") || names(aud, "door"));
        let in_set = || is("set") && ours() && (name.is_none() || name == self.name);
        match self.algorithm {
            Algorithm::EdDSA => audience.is_none(),
            Algorithm::PS256 => in_set() || is("narrow") && audience.is_none(),
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
                is("secret") && audience.is_none()
            }
            _ => in_set(),
        }
    }
}

/// Whether a claim is this text, or a list with it.
fn names(claim: &Value, text: &str) -> bool {
    let listed = |list: &Vec<Value>| list.iter().any(|one| one == text);
    claim == text || claim.as_array().is_some_and(listed)
}

/// Somebody who knows what is public: how it is called, and how the signature is made.
pub struct Forger(pub &'static str, fn(&[u8]) -> String);

const FORGERS: [Forger; 12] = [
    Forger("no signature", |_| String::new()),
    Forger("32 zeros", |_| base64(&[0; 32])),
    Forger("64 zeros", |_| base64(&[0; 64])),
    Forger("256 zeros", |_| base64(&[0; 256])),
    Forger("an empty secret", |body| hmac(body, b"", Algorithm::HS256)),
    Forger("the secret of the set", |body| {
        hmac(body, PUBLIC_SECRET.as_bytes(), Algorithm::HS256)
    }),
    Forger("a public RSA key", |body| {
        hmac(body, RSA_PUBLIC, Algorithm::HS256)
    }),
    Forger("a public RSA key without its line break", |body| {
        hmac(body, RSA_PUBLIC.trim_ascii_end(), Algorithm::HS512)
    }),
    Forger("a public P-256 key", |body| {
        hmac(body, P256_PUBLIC, Algorithm::HS256)
    }),
    Forger("a public Ed25519 key", |body| {
        hmac(body, ED25519_PUBLIC, Algorithm::HS256)
    }),
    Forger("a public Ed25519 key without its line break", |body| {
        hmac(body, ED25519_PUBLIC.trim_ascii_end(), Algorithm::HS384)
    }),
    // Whose key it is may sign, but not in this way.
    Forger("PS384", |body| {
        crypto::sign(body, &LAB.rsa, Algorithm::PS384).expect("the key fits")
    }),
];

impl Forger {
    pub fn of(byte: u8) -> &'static Self {
        &FORGERS[usize::from(byte) % FORGERS.len()]
    }

    pub fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        let body = body(header, claims);
        let signature = self.1(body.as_bytes());
        format!("{body}.{signature}")
    }
}

fn hmac(body: &[u8], secret: &[u8], algorithm: Algorithm) -> String {
    let key = EncodingKey::from_secret(secret);
    crypto::sign(body, &key, algorithm).expect("any secret fits")
}

/// What is signed (RFC 7515, section 5.1).
pub fn body(header: &[u8], claims: &[u8]) -> String {
    format!("{}.{}", base64(header), base64(claims))
}

/// Base64 for addresses, without padding (RFC 7515, section 2).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let at = |i: usize| u32::from(part.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for nth in 0..=part.len() {
            let letter = bits >> (18 - 6 * nth) & 63;
            text.push(char::from(LETTERS[letter as usize]));
        }
    }
    text
}

/// Seconds since the epoch.
pub fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is after 1970").as_secs_f64()
}
