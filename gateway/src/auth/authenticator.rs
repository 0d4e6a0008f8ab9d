//! The one place where tokens are checked, whoever presents them.

use super::api_tokens::Tokens;
use super::audit::{Audit, Record};
use super::jwt::{self, Known};
use super::keys::BadKey;
use super::users::{self, Attempts, Users};
use super::{Access, Accounts, Answering, AuthError, Caller, Identity, LoginError, LoginSession};
use super::{Presented, Revocations, Rules, Token, Verified};
use crate::config::{self, Authentication, Requirement};
use crate::event::Timestamp;
use arc_swap::ArcSwap;
use hyper::HeaderMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Who may do what here. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    state: ArcSwap<State>,
    state_directory: PathBuf,
    attempts: Attempts,
    rules: Rules,
    revocations: Revocations,
    audit: Audit,
}

/// What one configuration comes to.
struct State {
    config: config::Auth,
    issuers: Vec<Known>,
    /// Which of the issuers is the gateway's own.
    own: Option<usize>,
    tokens: Tokens,
    users: Option<Users>,
}

/// A request that is turned away for the want of a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The status to answer with.
    pub status: u16,
    /// A sentence for its client.
    pub message: String,
    /// Whether there was a token at all.
    pub presented: bool,
}

impl Auth {
    /// Reads keys, and what was revoked.
    ///
    /// # Errors
    /// The users' signing key or the revocations can't be read.
    pub fn start(
        config: &config::Auth,
        access: &config::Access,
        state_directory: &Path,
        audit: Audit,
    ) -> Result<Self, String> {
        let state = State::new(config, state_directory, &[]).map_err(|BadKey(why)| why)?;
        Ok(Self(Arc::new(Inner {
            state: ArcSwap::from_pointee(state),
            state_directory: state_directory.to_path_buf(),
            attempts: Attempts::new(&config.login),
            rules: Rules::new(access),
            revocations: Revocations::open(state_directory)?,
            audit,
        })))
    }

    /// Everybody may everything, and nobody can say who they are: for tests of other parts.
    #[must_use]
    pub fn open() -> Self {
        let all = crate::event::TopicFilter::parse("#").expect("it is a filter");
        let access = config::Access {
            public: vec![all],
            public_calls: vec!["*".to_owned()],
            rules: Vec::new(),
        };
        let config = config::Auth::default();
        Self(Arc::new(Inner {
            attempts: Attempts::new(&config.login),
            state: ArcSwap::from_pointee(State::empty(config)),
            state_directory: PathBuf::new(),
            rules: Rules::new(&access),
            revocations: Revocations::in_memory(),
            audit: Audit::new().0,
        }))
    }

    /// Takes another configuration.
    ///
    /// # Errors
    /// The users' signing key can't be read; nothing has changed.
    pub fn apply(&self, config: &config::Auth, access: &config::Access) -> Result<Changed, String> {
        let before = self.0.state.load_full();
        let state = State::new(config, &self.0.state_directory, &before.issuers)
            .map_err(|BadKey(why)| why)?;
        self.0.state.store(Arc::new(state));
        Ok(Changed {
            rules: self.0.rules.apply(access),
            accounts: before.config != *config,
        })
    }

    /// Who asks, by what a request brings; or that it is turned away. A refusal is counted and audited.
    ///
    /// # Errors
    /// There is no valid token, and there must be one; or there is one that is not valid, and that is not put up with.
    pub async fn admit(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        policy: &Authentication,
        address: IpAddr,
    ) -> Result<Caller, Refused> {
        let presented = Presented::from_request(headers, query, policy.query_token);
        let refused = |message: String, presented| Refused {
            status: policy.reject_status,
            message,
            presented,
        };
        let Some(token) = presented.0 else {
            return match policy.requirement {
                Requirement::Required => Err(refused("a token is required here".to_owned(), false)),
                Requirement::Optional | Requirement::Lenient => Ok(Caller::Anonymous),
            };
        };
        match self.authenticate(&token, &address.to_string()).await {
            Ok(verified) => Ok(Caller::Identified(verified)),
            Err(error) if policy.requirement == Requirement::Lenient => {
                Ok(Caller::Invalid(error.to_string()))
            }
            Err(error) => Err(refused(error.to_string(), true)),
        }
    }

    /// Says whose token it is, for a connection that is open or about to be; a refusal is audited.
    ///
    /// # Errors
    /// Why it is not taken.
    pub async fn authenticate(&self, token: &Token, address: &str) -> Result<Verified, AuthError> {
        let outcome = self.verify(token.expose()).await;
        if let Err(error) = &outcome {
            let record = Record::new("authentication", false).from(address);
            self.0.audit.refusal(record.with("reason", error.label()));
        }
        outcome
    }

    /// Says whose token it is.
    ///
    /// # Errors
    /// Why it is not taken.
    pub async fn verify(&self, token: &str) -> Result<Verified, AuthError> {
        let state = self.0.state.load_full();
        let outcome = state.verify(token).await;
        let outcome = outcome.and_then(|verified| match self.0.revocations.covers(&verified) {
            true => Err(AuthError::Revoked),
            false => Ok(state.with_warning(verified)),
        });
        let label = outcome.as_ref().err().map_or("ok", |error| error.label());
        metrics::counter!("hearthgate_tokens_checked_total", "outcome" => label).increment(1);
        outcome
    }

    /// Whether an identity that was given before still holds: it was not revoked, its API token or its user is still
    /// in the configuration.
    #[must_use]
    pub fn still_holds(&self, verified: &Verified) -> bool {
        !self.0.revocations.covers(verified) && self.0.state.load().knows(verified)
    }

    /// Checks a user's password, and gives tokens.
    ///
    /// # Errors
    /// Why not.
    pub async fn login(
        &self,
        name: &str,
        password: Zeroizing<String>,
        address: &str,
    ) -> Result<LoginSession, LoginError> {
        let state = self.0.state.load_full();
        let outcome = match &state.users {
            None => Err(no_users()),
            Some(users) => {
                let address = address.parse().ok();
                let attempts = &self.0.attempts;
                users.login(attempts, name, password, address).await
            }
        };
        let outcome = outcome.and_then(|session| self.unless_revoked(session));
        users::audit(&self.0.audit, "login", Some(name), address, &outcome);
        outcome
    }

    /// Exchanges a refresh token for a new session; a refusal is audited.
    ///
    /// # Errors
    /// Why not.
    pub async fn refresh(&self, token: &str) -> Result<LoginSession, LoginError> {
        let outcome = self.exchange(token).await;
        if let Err(error) = &outcome {
            let record = Record::new("refresh", false).with("reason", error.label());
            self.0.audit.refusal(record);
        }
        outcome
    }

    async fn exchange(&self, token: &str) -> Result<LoginSession, LoginError> {
        let state = self.0.state.load_full();
        let Some(users) = &state.users else {
            return Err(no_users());
        };
        if token.len() > state.config.max_token_bytes {
            return Err(LoginError::InvalidCredentials);
        }
        users.refresh(&self.0.revocations, token).await
    }

    /// A subject that is revoked as a whole gets nothing that would be refused at once.
    fn unless_revoked(&self, session: LoginSession) -> Result<LoginSession, LoginError> {
        let fresh = Verified {
            identity: session.identity.clone(),
            expires_at: None,
            honoured_until: None,
            warn_at: None,
            issued_at: Some(Timestamp::now()),
            token_id: None,
            hash: None,
        };
        match self.0.revocations.covers(&fresh) {
            true => Err(LoginError::InvalidCredentials),
            false => Ok(session),
        }
    }

    /// The rules of who may do what.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.0.rules
    }

    /// What somebody may.
    #[must_use]
    pub fn access(&self, identity: Option<&Identity>) -> Arc<Access> {
        self.0.rules.access(identity)
    }

    /// What was revoked.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.0.revocations
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.0.audit
    }
}

/// What another configuration changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// The rules of who may do what.
    pub rules: bool,
    /// Who can say who they are.
    pub accounts: bool,
}

fn no_users() -> LoginError {
    LoginError::Unavailable("there are no users in the configuration".to_owned())
}

impl State {
    fn new(
        config: &config::Auth,
        state_directory: &Path,
        before: &[Known],
    ) -> Result<Self, BadKey> {
        let issuers = config.issuers.iter();
        let mut issuers: Vec<_> = issuers.map(|rules| Known::again(rules, before)).collect();
        let (mut users, mut own) = (None, None);
        if let Some((found, issuer)) = Users::new(config, state_directory)? {
            users = Some(found);
            own = Some(issuers.len());
            issuers.push(issuer);
        }
        Ok(Self {
            config: config.clone(),
            issuers,
            own,
            tokens: Tokens::new(&config.tokens),
            users,
        })
    }

    fn empty(config: config::Auth) -> Self {
        Self {
            tokens: Tokens::new(&config.tokens),
            config,
            issuers: Vec::new(),
            own: None,
            users: None,
        }
    }

    async fn verify(&self, token: &str) -> Result<Verified, AuthError> {
        if token.len() > self.config.max_token_bytes {
            return Err(AuthError::TooLong);
        }
        if self.issuers.is_empty() && self.tokens.is_empty() {
            return Err(AuthError::NotConfigured);
        }
        let is_jwt = token.bytes().filter(|byte| *byte == b'.').count() == 2;
        if !is_jwt || self.issuers.is_empty() {
            return self.tokens.verify(token);
        }
        let (verified, issuer) = jwt::verify(&self.issuers, token).await?;
        // A user who was taken out of the configuration is nobody any more, whatever was signed before.
        let gone = self.own == Some(issuer)
            && !self
                .users
                .as_ref()
                .is_some_and(|a| a.has(&verified.identity));
        match gone {
            true => Err(AuthError::Unknown),
            false => Ok(verified),
        }
    }

    fn with_warning(&self, mut verified: Verified) -> Verified {
        let before = self.config.expiry_warning;
        verified.warn_at = verified.expires_at.map(|end| end.before(before));
        verified
    }

    /// Whether the configuration still lets somebody in: its API token as it is, its user, or an issuer that may have
    /// issued its token. A certificate's identity has no claims, and is the listener's to judge.
    fn knows(&self, verified: &Verified) -> bool {
        let identity = &verified.identity;
        if let Some(hash) = verified.hash {
            let name = verified.token_id.as_deref();
            let name = name.and_then(|id| id.strip_prefix("token:"));
            let known = name.and_then(|name| self.config.tokens.get(name));
            return known.is_some_and(|token| {
                token.hash == hash
                    && token.subject == identity.subject
                    && token.roles == identity.roles
                    && lasts(token.expires, verified.expires_at)
            });
        }
        if identity.claims.is_empty() {
            return true;
        }
        let issuer = identity.claims.get("iss").and_then(|iss| iss.as_str());
        if issuer == Some(super::signing::ISSUER) && identity.claims.contains_key(users::USER) {
            return self.users.as_ref().is_some_and(|a| a.has(identity));
        }
        let mut issuers = self.config.issuers.iter();
        issuers.any(|rules| rules.issuer.is_none() || rules.issuer.as_deref() == issuer)
    }
}

/// Whether what ends at `now` lasts at least as long as what it was known to end at before; `None`: it never ends.
fn lasts(now: Option<Timestamp>, before: Option<Timestamp>) -> bool {
    now.is_none_or(|now| before.is_some_and(|before| before <= now))
}

/// What plugins' routes let users log in with.
impl Accounts for Auth {
    fn login<'a>(
        &'a self,
        username: &'a str,
        password: &'a str,
        address: &'a str,
    ) -> Answering<'a, Result<LoginSession, LoginError>> {
        let password = Zeroizing::new(password.to_owned());
        Box::pin(Self::login(self, username, password, address))
    }

    fn refresh<'a>(&'a self, token: &'a str) -> Answering<'a, Result<LoginSession, LoginError>> {
        Box::pin(Self::refresh(self, token))
    }

    fn access(&self, identity: Option<&Identity>) -> Arc<Access> {
        Self::access(self, identity)
    }
}
