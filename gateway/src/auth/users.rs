//! Users of the configuration: they log in with a password and get tokens that this gateway takes.

use super::api_tokens::hex;
use super::audit::{Audit, Record};
use super::jwt::{self, Known};
use super::keys::BadKey;
use super::signing::{self, ACCESS, ISSUER, REFRESH, SigningKey, own_rules};
use super::throttle::{Throttle, network};
use super::{AuthError, Identity, LoginError, LoginSession, Revocations, password};
use crate::config::auth::{Auth, Login, User};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// Longest user name and password, in bytes; a longer one is nobody's.
const MAX_TEXT: usize = 1024;
/// Logins that wait for their password to be checked; more are told to come back.
const MAX_WAITING: usize = 64;
/// The claim of an own token that names the user.
pub(super) const USER: &str = "user";
/// The claim of a refresh token that names the password it came of, so that it ends with that password.
const PASSWORD: &str = "password";

/// The users of one configuration.
pub(super) struct Users {
    users: BTreeMap<String, User>,
    settings: Login,
    signing: EncodingKey,
    refresh: Known,
    /// Its password is checked for users that there are not, so that they take as long as others.
    nobody: String,
}

/// What outlives a configuration: who failed how often, and how many passwords are being checked.
pub(super) struct Attempts {
    addresses: Throttle<IpAddr>,
    names: Throttle<Arc<str>>,
    checking: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Attempts {
    pub(super) fn new(settings: &Login) -> Self {
        Self {
            addresses: Throttle::new(),
            names: Throttle::new(),
            checking: Arc::new(Semaphore::new(settings.at_once)),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }
}

impl Users {
    /// The users, and the issuer of the tokens that they get. `None`: there are no users.
    pub(super) fn new(config: &Auth, state: &Path) -> Result<Option<(Self, Known)>, BadKey> {
        if config.users.is_empty() {
            return Ok(None);
        }
        let settings = config.login.clone();
        let usual = || SigningKey::usual_place(state);
        let key = settings.signing_key.clone().unwrap_or_else(usual);
        let key = SigningKey::load_or_make(&key)?;
        let random: [u8; 16] = rand::random();
        let nobody = password::hash(hex(&random).as_bytes()).map_err(BadKey)?;
        let accounts = Self {
            users: config.users.clone(),
            settings,
            signing: EncodingKey::from_secret(key.secret()),
            refresh: Known::own(own_rules(REFRESH), key.secret())?,
            nobody,
        };
        let issuer = Known::own(own_rules(ACCESS), key.secret())?;
        Ok(Some((accounts, issuer)))
    }

    /// Whether a token of ours names a user that there still is.
    pub(super) fn has(&self, identity: &Identity) -> bool {
        let user = identity.claims.get(USER).and_then(Value::as_str);
        user.is_some_and(|name| self.users.contains_key(name))
    }

    /// Checks a password.
    pub(super) async fn login(
        &self,
        attempts: &Attempts,
        name: &str,
        password: Zeroizing<String>,
        address: Option<IpAddr>,
    ) -> Result<LoginSession, LoginError> {
        if name.len() > MAX_TEXT || password.len() > MAX_TEXT {
            return Err(LoginError::InvalidCredentials);
        }
        let (most, per) = (self.settings.attempts, self.settings.per);
        let (address, user) = (address.map(network), Arc::<str>::from(name));
        let now = Instant::now();
        if let Some(address) = address {
            let taken = attempts.addresses.take(address, now, most, per);
            taken.map_err(LoginError::Throttled)?;
        }
        let taken = attempts.names.take(user.clone(), now, most, per);
        taken.map_err(LoginError::Throttled)?;
        let known = self.users.get(name);
        let hash = known.map_or(&self.nobody, |user| &user.password_hash);
        let fits = check(attempts, password, hash.clone()).await?;
        let Some(found) = known.filter(|_| fits) else {
            return Err(LoginError::InvalidCredentials);
        };
        attempts.names.give_back(&user, most);
        if let Some(address) = address {
            attempts.addresses.give_back(&address, most);
        }
        self.session(name, found)
    }

    /// Exchanges a refresh token. The roles are those that the configuration gives the user now.
    pub(super) async fn refresh(
        &self,
        revocations: &Revocations,
        token: &str,
    ) -> Result<LoginSession, LoginError> {
        let issuers = std::slice::from_ref(&self.refresh);
        let verified = jwt::verify(issuers, token).await;
        let verified = verified.map_err(|_: AuthError| LoginError::InvalidCredentials)?;
        let claims = &verified.0.identity.claims;
        let name = claims.get(USER).and_then(Value::as_str).unwrap_or_default();
        let password = claims.get(PASSWORD).and_then(Value::as_str);
        match self.users.get(name) {
            Some(user)
                if password == Some(&fingerprint(user)) && !revocations.covers(&verified.0) =>
            {
                self.session(name, user)
            }
            _ => Err(LoginError::InvalidCredentials),
        }
    }

    fn session(&self, name: &str, user: &User) -> Result<LoginSession, LoginError> {
        let sign = |audience: &str, lifetime: Duration| {
            let mut claims = Map::new();
            claims.insert("iss".into(), ISSUER.into());
            claims.insert("aud".into(), audience.into());
            claims.insert("sub".into(), user.subject.as_str().into());
            claims.insert("roles".into(), user.roles.clone().into());
            claims.insert(USER.into(), name.into());
            if audience == REFRESH {
                claims.insert(PASSWORD.into(), fingerprint(user).into());
            }
            signing::mint(claims, lifetime, Algorithm::HS256, &self.signing, None)
                .map_err(|error| LoginError::Unavailable(error.to_string()))
        };
        Ok(LoginSession {
            access_token: sign(ACCESS, self.settings.access_lifetime)?,
            refresh_token: sign(REFRESH, self.settings.refresh_lifetime)?,
            expires_in: self.settings.access_lifetime,
            identity: Arc::new(Identity {
                subject: user.subject.clone(),
                roles: user.roles.clone(),
                claims: Map::new(),
            }),
        })
    }
}

/// Tells one password of a user from another, and nothing of it: the salt in what is hashed here is random, and whoever
/// has the token has not got it.
fn fingerprint(user: &User) -> String {
    let digest = Sha256::digest(user.password_hash.as_bytes());
    hex(&digest[..8])
}

/// One password takes a processor for some ten milliseconds, so only a few are checked at once and few wait.
async fn check(
    attempts: &Attempts,
    password: Zeroizing<String>,
    hash: String,
) -> Result<bool, LoginError> {
    let busy = || LoginError::Throttled(Duration::from_secs(1));
    let _waiting = attempts.waiting.try_acquire().map_err(|_| busy())?;
    let permit = attempts.checking.clone().acquire_owned().await;
    let permit = permit.map_err(|_| busy())?;
    // The permit goes with the work: a caller that goes away does not make room for another one before its end.
    let work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        password::verify(&password, &hash)
    });
    work.await
        .map_err(|error| LoginError::Unavailable(error.to_string()))
}

/// Remembers how a login went, and counts it.
pub(super) fn audit(
    log: &Audit,
    action: &'static str,
    name: Option<&str>,
    address: &str,
    outcome: &Result<LoginSession, LoginError>,
) {
    let label = outcome.as_ref().err().map_or("ok", LoginError::label);
    metrics::counter!("hearthgate_logins_total", "outcome" => label).increment(1);
    match outcome {
        Ok(session) => {
            let subject = Some(session.identity.subject.as_str());
            // However many are turned away meanwhile: who did get in is what is looked for afterwards.
            log.record(Record::new(action, true).by(subject).from(address));
        }
        Err(_) => {
            // A password that was typed into the field for the name must not be kept: a name that there is not is cut.
            let shown = name.map(|name| name.chars().take(3).collect::<String>() + "…");
            let record = Record::new(action, false)
                .from(address)
                .with("reason", label);
            log.refusal(match shown {
                Some(shown) => record.with("user", shown),
                None => record,
            });
        }
    }
}
