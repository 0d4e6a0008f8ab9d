//! What it costs to check a token, beside what its signature alone costs.

use crate::child::Folder;
use crate::os;
use crate::plan::Plan;
use crate::report::{Report, median};
use anyhow::{Context, Result, ensure};
use hearthgate::auth::{Audit, Auth};
use hearthgate::config::Config;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use serde_json::json;
use std::hint::black_box;
use std::time::{SystemTime, UNIX_EPOCH};

/// Checks that are timed together.
const CHECKS: u32 = 2_000;
/// Turns of a round: the two are timed one after the other, so that a slower moment of the machine hits both.
const TURNS: usize = 5;
/// For tests of the gateway; RSA keys take long to make.
const RSA: [&str; 2] = [
    include_str!("../../gateway/src/auth/fixtures/rsa-private.pem"),
    include_str!("../../gateway/src/auth/fixtures/rsa-public.pem"),
];

/// An algorithm with a key of its own.
struct Case {
    name: &'static str,
    algorithm: Algorithm,
    /// What the gateway is given.
    key: String,
    signing: EncodingKey,
    checking: DecodingKey,
}

/// Runs the benchmark.
///
/// # Errors
/// When a token is not taken.
pub fn run(plan: &Plan) -> Result<Report> {
    let mut report = Report::new("auth");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for case in cases()? {
        let folder = Folder::new(&plan.results, "auth")?;
        let auth = case.auth(&folder)?;
        let token = case.token()?;
        let (mut whole, mut signature, mut beyond) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..plan.rounds * TURNS {
            let alone = case.signature_us(&token)?;
            let start = os::monotonic_ns();
            let taken = runtime.block_on(taken(&auth, &token));
            let all = micros_each(start);
            ensure!(taken == CHECKS, "{}: {taken} were taken", case.name);
            whole.push(all);
            signature.push(alone);
            beyond.push(all - alone);
        }
        report.raw.push(json!({
            "algorithm": case.name, "token_bytes": token.len(), "whole_us": whole, "signature_us": signature,
        }));
        told(&mut report, case.name, [whole, signature, beyond]);
    }
    Ok(report)
}

fn told(report: &mut Report, name: &str, [whole, signature, beyond]: [Vec<f64>; 3]) {
    let title = format!("{name}: a token");
    match name {
        "EdDSA" => report.goal(title, median(whole), "µs", 60.0),
        _ => report.figure(title, median(whole), "µs"),
    }
    let title = format!("{name}: its signature alone");
    report.figure(title, median(signature), "µs");
    let title = format!("{name}: beyond its signature");
    match name {
        "HS256" => report.goal(title, median(beyond), "µs", 5.0),
        _ => report.figure(title, median(beyond), "µs"),
    }
}

async fn taken(auth: &Auth, token: &str) -> u32 {
    let mut taken = 0;
    for _ in 0..CHECKS {
        taken += u32::from(auth.verify(black_box(token)).await.is_ok());
    }
    taken
}

fn micros_each(start: u64) -> f64 {
    (os::monotonic_ns() - start) as f64 / 1000.0 / f64::from(CHECKS)
}

fn cases() -> Result<[Case; 4]> {
    let secret = "a secret of the benchmark's, which is long enough";
    let (ec, ed) = (
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
        KeyPair::generate_for(&PKCS_ED25519)?,
    );
    let case = |name, algorithm, key: &str, signing, checking| Case {
        name,
        algorithm,
        key: key.to_owned(),
        signing,
        checking,
    };
    let (ec_public, ed_public) = (ec.public_key_pem(), ed.public_key_pem());
    Ok([
        case(
            "HS256",
            Algorithm::HS256,
            secret,
            EncodingKey::from_secret(secret.as_bytes()),
            DecodingKey::from_secret(secret.as_bytes()),
        ),
        case(
            "RS256",
            Algorithm::RS256,
            RSA[1],
            EncodingKey::from_rsa_pem(RSA[0].as_bytes())?,
            DecodingKey::from_rsa_pem(RSA[1].as_bytes())?,
        ),
        case(
            "ES256",
            Algorithm::ES256,
            &ec_public,
            EncodingKey::from_ec_pem(ec.serialize_pem().as_bytes())?,
            DecodingKey::from_ec_pem(ec_public.as_bytes())?,
        ),
        case(
            "EdDSA",
            Algorithm::EdDSA,
            &ed_public,
            EncodingKey::from_ed_pem(ed.serialize_pem().as_bytes())?,
            DecodingKey::from_ed_pem(ed_public.as_bytes())?,
        ),
    ])
}

impl Case {
    /// A gateway's checks with this key alone.
    fn auth(&self, folder: &Folder) -> Result<Auth> {
        let file = folder.path().join("issuer.key");
        std::fs::write(&file, &self.key)?;
        let text = format!(
            "[[auth.issuer]]\nissuer = \"bench\"\naudience = [\"hearthgate\"]\nkey = {{ file = {file:?} }}\n"
        );
        let config = Config::parse(&text).map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let auth = Auth::start(&config.auth, &config.access, folder.path(), Audit::new().0);
        auth.map_err(anyhow::Error::msg)
    }

    /// A token as issuers make them: some claims, two roles.
    fn token(&self) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "iss": "bench", "aud": "hearthgate", "sub": "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "jti": "e3b0c44298fc1c14",
            "iat": now, "exp": now + 3600, "roles": ["family", "admin"], "name": "Ada Lovelace",
        });
        Ok(jsonwebtoken::encode(
            &Header::new(self.algorithm),
            &claims,
            &self.signing,
        )?)
    }

    /// One check of the signature, by the same library and with nothing else, in microseconds.
    fn signature_us(&self, token: &str) -> Result<f64> {
        let (message, signature) = token.rsplit_once('.').context("three parts")?;
        let mut held = 0;
        let start = os::monotonic_ns();
        for _ in 0..CHECKS {
            let message = black_box(message).as_bytes();
            held += u32::from(jsonwebtoken::crypto::verify(
                signature,
                message,
                &self.checking,
                self.algorithm,
            )?);
        }
        let spent = micros_each(start);
        ensure!(held == CHECKS, "{}: {held} signatures held", self.name);
        Ok(spent)
    }
}
