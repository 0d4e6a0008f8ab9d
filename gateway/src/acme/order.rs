//! One order, from the account to the certificate (RFC 8555, section 7.4).

use super::Wanted;
use super::account::{account, forget, on_disk};
use super::cache::Cache;
use super::challenges::{Challenges, Posted};
use super::client::Http;
use super::error::AcmeError;
use super::issued::Issued;
use crate::config::Challenge;
use crate::config::acme::Acme as Settings;
use instant_acme::{
    Account, AuthorizationStatus, ChallengeHandle, ChallengeType, Error, Identifier, NewOrder,
    Order, OrderStatus, RetryPolicy,
};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

/// How the server is asked whether it is done.
const POLL: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .backoff(1.5)
    .timeout(Duration::from_secs(120));

/// What an order needs.
pub(super) struct Ordering<'a> {
    pub settings: &'a Arc<Settings>,
    pub wanted: &'a Wanted,
    pub challenges: &'a Challenges,
    pub cache: &'a Cache,
}

/// Why an order came to nothing, and until when the server wants no other.
#[derive(Debug)]
pub(super) struct Failure {
    pub error: AcmeError,
    pub retry_after: Option<SystemTime>,
}

impl From<AcmeError> for Failure {
    fn from(error: AcmeError) -> Self {
        Self {
            error,
            retry_after: None,
        }
    }
}

impl Ordering<'_> {
    /// Orders a certificate and keeps it.
    pub(super) async fn obtain(&self) -> Result<Issued, Failure> {
        let settings = self.settings.clone();
        let http = tokio::task::spawn_blocking(move || Http::new(&settings)).await;
        let http = http.map_err(|error| AcmeError::Here(error.to_string()))??;
        let mut outcome = self.attempt(&http).await;
        // A server that lost its accounts, or a state that came from elsewhere: once is worth another one.
        if let Err(error) = &outcome
            && error.kind() == "accountDoesNotExist"
        {
            tracing::warn!("the ACME server does not know the account any more: a new one is made");
            forget(self.cache).await?;
            outcome = self.attempt(&http).await;
        }
        let issued = outcome.map_err(|error| Failure {
            retry_after: http.refusal().and_then(|refusal| refusal.retry_after),
            error,
        })?;
        let (cache, pem) = (self.cache.clone(), Zeroizing::new(issued.pem().to_owned()));
        on_disk(move || {
            cache.write(&cache.certificate(), &pem)?;
            cache.set_blocked(None)
        })
        .await?;
        Ok(issued)
    }

    async fn attempt(&self, http: &Http) -> Result<Issued, AcmeError> {
        let account = account(self.settings, self.cache, http).await?;
        self.order(&account, http).await
    }

    async fn order(&self, account: &Account, http: &Http) -> Result<Issued, AcmeError> {
        let names = self.wanted.names.iter();
        let identifiers: Vec<_> = names.cloned().map(Identifier::Dns).collect();
        let failed = |step| move |error| from_library(step, error, http);
        let order = account.new_order(&NewOrder::new(&identifiers)).await;
        let mut order = order.map_err(failed("the order"))?;
        let posted = self.prove(&mut order, http).await?;
        match order.poll_ready(&POLL).await {
            Ok(OrderStatus::Ready) => {}
            Ok(_) => return Err(self.unproven(&mut order, None).await),
            Err(Error::Api(problem)) => {
                let whole = AcmeError::refused("the order", &problem);
                return Err(self.unproven(&mut order, Some(whole)).await);
            }
            Err(error) => return Err(from_library("the proof", error, http)),
        }
        drop(posted);
        let key = order.finalize().await.map_err(failed("the request"))?;
        let key = Zeroizing::new(key);
        let chain = order.poll_certificate(&POLL).await;
        let chain = chain.map_err(failed("the certificate"))?;
        let pem = Zeroizing::new(format!("{}\n{}", chain.trim_end(), *key));
        Issued::new(pem, &self.wanted.names).map_err(AcmeError::Answer)
    }

    /// Shows what the server asks for, and tells it to look.
    async fn prove(&self, order: &mut Order, http: &Http) -> Result<Vec<Posted>, AcmeError> {
        let failed = |error| from_library("the proof", error, http);
        let wanted = match self.wanted.challenge {
            Challenge::Http01 => ChallengeType::Http01,
            Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        };
        let mut posted = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(failed)?;
            // One that an earlier order left holds on.
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let name = authorization.identifier().to_string();
            let offered = authorization.challenges.iter();
            let offered: Vec<_> = offered.map(|one| word(&one.r#type)).collect();
            let Some(mut challenge) = authorization.challenge(wanted.clone()) else {
                return Err(AcmeError::NoChallenge {
                    name,
                    wanted: self.wanted.challenge.as_str(),
                    offered: offered.join(", "),
                });
            };
            posted.push(self.post(&name, &challenge)?);
            challenge.set_ready().await.map_err(failed)?;
        }
        Ok(posted)
    }

    fn post(&self, name: &str, challenge: &ChallengeHandle<'_>) -> Result<Posted, AcmeError> {
        let authorization = challenge.key_authorization();
        match self.wanted.challenge {
            Challenge::Http01 => {
                let text = authorization.as_str();
                Ok(self.challenges.post_token(&challenge.token, text))
            }
            Challenge::TlsAlpn01 => {
                let digest = authorization.digest();
                let posted = self.challenges.post_name(name, digest.as_ref());
                posted.map_err(AcmeError::Here)
            }
        }
    }

    /// Which name could not be proven, and why; else what the order itself says.
    async fn unproven(&self, order: &mut Order, whole: Option<AcmeError>) -> AcmeError {
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            let Ok(state) = authorization.refresh().await else {
                continue;
            };
            let mut problems = state.challenges.iter();
            if let Some(problem) = problems.find_map(|challenge| challenge.error.as_ref()) {
                return AcmeError::unproven(state.identifier().to_string(), problem);
            }
        }
        let nothing = || AcmeError::Answer("the order is invalid, and nothing says why".to_owned());
        whole.unwrap_or_else(nothing)
    }
}

fn word(challenge: &ChallengeType) -> String {
    match challenge {
        ChallengeType::Http01 => "http-01".to_owned(),
        ChallengeType::Dns01 => "dns-01".to_owned(),
        ChallengeType::TlsAlpn01 => "tls-alpn-01".to_owned(),
        ChallengeType::Unknown(name) => name.clone(),
        other => format!("{other:?}"),
    }
}

/// What the library's error means for a step.
pub(super) fn from_library(step: &'static str, error: Error, http: &Http) -> AcmeError {
    match error {
        Error::Api(problem) => AcmeError::refused(step, &problem),
        Error::Timeout(_) => AcmeError::Unreachable(format!("{step} was not done in time")),
        Error::Other(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(next) = cause {
                text.push_str(&format!(": {next}"));
                cause = next.source();
            }
            AcmeError::Unreachable(text)
        }
        // Proxies and servers in trouble answer with pages instead of problem documents.
        Error::Json(error) => match http.refusal() {
            Some(refusal) => AcmeError::Unreachable(format!("it answers {}", refusal.status)),
            None => AcmeError::Answer(format!("{step}: {error}")),
        },
        error => AcmeError::Answer(format!("{step}: {error}")),
    }
}
