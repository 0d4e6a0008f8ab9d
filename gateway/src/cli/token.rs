//! `hearthgate token …` and `hearthgate auth hash`: making and reading credentials.

use super::output::{complain, print, print_json};
use super::{FAILED, OK, WRONG, config};
use crate::auth::{Audit, Auth, api_tokens, mint, password};
use crate::event::Timestamp;
use clap::{Args, Subcommand};
use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey};
use serde_json::{Map, Value, json};
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use zeroize::Zeroizing;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token: an API token, or a JSON Web Token signed with a key of yours
    ///
    /// API token: prints the token, once, and the lines for the configuration, which has its hash only.
    ///   hearthgate token mint --api ci --role robot
    ///
    /// JSON Web Token: signed with a private key (PEM) or a secret, whose public key or secret is the `key` of an
    /// [[auth.issuer]].
    ///   openssl genpkey -algorithm ed25519 -out issuer.key
    ///   openssl pkey -in issuer.key -pubout -out issuer.pem
    ///   hearthgate token mint --key issuer.key --subject alice --role family --lifetime 12h
    #[command(verbatim_doc_comment)]
    Mint(Mint),
    /// Show what a token says, and whether a configuration's gateway would take it
    ///
    /// Without TOKEN it is read from stdin, so that it gets into no shell's history. Nothing is sent anywhere,
    /// but that the public keys of an issuer with `jwks` are fetched where --config is given.
    Inspect {
        /// The token [default: read from stdin]
        token: Option<String>,
        /// Check it against this configuration
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Mint {
    /// Make an API token of this name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["key", "algorithm", "issuer", "audience", "claim"])]
    api: Option<String>,
    /// Sign with this private key (PEM) or secret
    #[arg(long, value_name = "FILE", required_unless_present = "api")]
    key: Option<PathBuf>,
    /// The algorithm [default: EdDSA, ES256, RS256 or HS256, as the key is]
    #[arg(long)]
    algorithm: Option<String>,
    /// Whose token it is
    #[arg(long, required_unless_present = "api")]
    subject: Option<String>,
    /// A role; may be given several times
    #[arg(long)]
    role: Vec<String>,
    /// How long it lives: 30s, 15m, 12h, 90d [default: 1h; an API token: for ever]
    #[arg(long)]
    lifetime: Option<String>,
    /// The claim `iss`
    #[arg(long)]
    issuer: Option<String>,
    /// The claim `aud`
    #[arg(long)]
    audience: Option<String>,
    /// Another claim, NAME=VALUE; the value is JSON, or else a text
    #[arg(long, value_name = "NAME=VALUE")]
    claim: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum AuthCommand {
    /// Hash a password for [auth.users.NAME]
    ///
    /// Reads the password from stdin, unseen where that is a terminal, and prints the line for the configuration.
    ///   hearthgate auth hash
    ///   printf %s "$PASSWORD" | hearthgate auth hash
    #[command(verbatim_doc_comment)]
    Hash,
}

/// `token …`
pub(super) fn run(command: TokenCommand) -> u8 {
    let outcome = match command {
        TokenCommand::Mint(wanted) => match &wanted.api {
            Some(name) => api(name, &wanted),
            None => sign(&wanted),
        },
        TokenCommand::Inspect { token, config } => return inspect(token, config),
    };
    match outcome {
        Ok(text) => print(&text),
        Err(why) => {
            complain(&why);
            WRONG
        }
    }
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    let found = units.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*seconds).filter(|s| *s > 0)
    });
    let seconds = found.ok_or(format!(
        "{text:?} is no lifetime; write it as 15m, 12h or 90d"
    ))?;
    Ok(Duration::from_secs(seconds))
}

fn api(name: &str, wanted: &Mint) -> Result<String, String> {
    let (token, hash) = api_tokens::generate();
    let mut lines = vec![
        format!("[auth.tokens.{name:?}]"),
        format!("hash = {hash:?}"),
    ];
    if let Some(subject) = &wanted.subject {
        lines.push(format!("subject = {subject:?}"));
    }
    if !wanted.role.is_empty() {
        lines.push(format!("roles = {:?}", wanted.role));
    }
    if let Some(text) = &wanted.lifetime {
        let end = Timestamp::now().after(lifetime(text)?);
        lines.push(format!("expires = \"{end}\""));
    }
    Ok(format!(
        "# The token. It is shown this once; keep it where secrets are kept.\n{}\n\n# For the configuration:\n{}",
        *token,
        lines.join("\n")
    ))
}

fn sign(wanted: &Mint) -> Result<String, String> {
    let path = wanted.key.as_deref().ok_or("a key is needed: --key FILE")?;
    let (key, usual) = signing_key(path)?;
    let algorithm = match &wanted.algorithm {
        None => usual,
        Some(name) => Algorithm::from_str(name).map_err(|_| format!("{name:?} is no algorithm"))?,
    };
    let mut claims = Map::new();
    for claim in &wanted.claim {
        let (name, value) = claim
            .split_once('=')
            .ok_or(format!("{claim:?} is no claim; write it as NAME=VALUE"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        claims.insert(name.to_owned(), value);
    }
    let named = [
        ("sub", &wanted.subject),
        ("iss", &wanted.issuer),
        ("aud", &wanted.audience),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            claims.insert(name.into(), value.as_str().into());
        }
    }
    if !wanted.role.is_empty() {
        claims.insert("roles".into(), wanted.role.clone().into());
    }
    let lifetime = lifetime(wanted.lifetime.as_deref().unwrap_or("1h"))?;
    mint(claims, lifetime, algorithm, &key, None).map_err(|error| error.to_string())
}

fn signing_key(path: &Path) -> Result<(EncodingKey, Algorithm), String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let bytes = Zeroizing::new(bytes);
    if !bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
        let secret = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        return Ok((EncodingKey::from_secret(secret), Algorithm::HS256));
    }
    let known = EncodingKey::from_ed_pem(&bytes)
        .or_else(|_| EncodingKey::from_ec_pem(&bytes))
        .or_else(|_| EncodingKey::from_rsa_pem(&bytes));
    let key = known.map_err(|_| format!("{}: is no private key", path.display()))?;
    let usual = match key.family() {
        AlgorithmFamily::Ed => Algorithm::EdDSA,
        AlgorithmFamily::Ec => Algorithm::ES256,
        AlgorithmFamily::Rsa => Algorithm::RS256,
        AlgorithmFamily::Hmac => Algorithm::HS256,
    };
    Ok((key, usual))
}

fn inspect(token: Option<String>, config: Option<PathBuf>) -> u8 {
    let token = match token.map_or_else(|| secret("Token: "), |t| Ok(Zeroizing::new(t))) {
        Ok(token) => token,
        Err(why) => {
            complain(&why);
            return FAILED;
        }
    };
    let header = jsonwebtoken::decode_header(token.as_str()).ok();
    let claims: Option<Map<String, Value>> =
        jsonwebtoken::dangerous::insecure_decode_claims(token.as_str()).ok();
    let mut shown = match (&header, &claims) {
        (Some(header), Some(claims)) => {
            json!({ "kind": "jwt", "header": header, "claims": claims })
        }
        _ if token.starts_with(api_tokens::PREFIX) => json!({ "kind": "api-token" }),
        _ => json!({ "kind": "unknown" }),
    };
    for name in ["exp", "nbf", "iat"] {
        let seconds = claims.as_ref().and_then(|c| c.get(name)?.as_u64());
        if let Some(seconds) = seconds {
            shown["times"][name] = Timestamp::from_seconds(seconds).to_string().into();
        }
    }
    let mut code = OK;
    shown["verified"] = match config {
        None => "not checked: no --config was given".into(),
        Some(file) => match check(file, &token) {
            Ok(identity) => identity,
            Err(why) => {
                code = FAILED;
                json!({ "refused": why })
            }
        },
    };
    print_json(&shown).max(code)
}

fn check(file: PathBuf, token: &str) -> Result<Value, String> {
    let config = config::read(Some(file))?.loaded.config;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let state = &config.plugins.state_directory;
        let auth = Auth::start(&config.auth, &config.access, state, Audit::new().0)?;
        let verified = auth
            .verify(token)
            .await
            .map_err(|error| error.to_string())?;
        Ok(json!({
            "subject": verified.identity.subject,
            "roles": verified.identity.roles,
            "expires_at": verified.expires_at,
            "token_id": verified.token_id.as_deref(),
        }))
    })
}

/// `auth …`
pub(super) fn auth(AuthCommand::Hash: AuthCommand) -> u8 {
    let hashed = secret("Password: ").and_then(|password| match password.is_empty() {
        true => Err("the password is empty".to_owned()),
        false => password::hash(password.as_bytes()),
    });
    match hashed {
        Ok(hash) => print(&format!("password-hash = '{hash}'")),
        Err(why) => {
            complain(&why);
            FAILED
        }
    }
}

/// What is typed or piped, without its line break; unseen while it is typed.
fn secret(prompt: &str) -> Result<Zeroizing<String>, String> {
    let stdin = std::io::stdin();
    let mut text = Zeroizing::new(String::new());
    let read = if stdin.is_terminal() {
        complain(prompt);
        let _unseen = Unseen::begin();
        stdin.read_line(&mut text)
    } else {
        stdin.lock().take(64 * 1024).read_to_string(&mut text)
    };
    read.map_err(|error| format!("stdin: {error}"))?;
    let trimmed = text.trim_end_matches(['\r', '\n']);
    Ok(Zeroizing::new(trimmed.to_owned()))
}

/// While it lives, the terminal does not show what is typed.
struct Unseen(libc::termios);

impl Unseen {
    fn begin() -> Option<Self> {
        // SAFETY: an all-zero termios is a valid value of a plain C struct; the call fills it in.
        let mut before: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: the struct lives for the whole call, and 0 is stdin.
        if unsafe { libc::tcgetattr(0, &raw mut before) } != 0 {
            return None;
        }
        let mut unseen = before;
        unseen.c_lflag &= !libc::ECHO;
        // SAFETY: as above.
        unsafe { libc::tcsetattr(0, libc::TCSANOW, &raw const unseen) };
        Some(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // SAFETY: the struct is the one that the terminal had before.
        unsafe { libc::tcsetattr(0, libc::TCSANOW, &raw const self.0) };
    }
}
