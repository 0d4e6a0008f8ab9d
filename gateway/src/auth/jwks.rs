//! Sets of public keys that are fetched (RFC 7517, section 5): kept, refreshed, and kept on when their server is away.

use super::AuthError;
use super::keys::Key;
use crate::config::auth::{Issuer, Keys};
use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex as Lock;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

/// Longest answer.
const MAX_BODY: usize = 256 * 1024;
/// Most keys of a set; the others are passed over.
const MAX_KEYS: usize = 64;
/// Longest time of one fetch.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An issuer's keys, as they were fetched last.
pub(super) struct Remote {
    rules: Issuer,
    url: String,
    refresh: Duration,
    floor: Duration,
    set: ArcSwap<Set>,
    /// One permit, for the one that fetches: whoever else needs the set waits here and finds it fetched.
    fetching: Semaphore,
    tried: Lock<Option<Instant>>,
    client: Option<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>>,
}

#[derive(Default)]
struct Set {
    keys: Vec<Arc<Key>>,
    fetched: Option<Instant>,
}

/// Keys one by one, so that one that nobody understands does not spoil the others.
#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl Remote {
    /// Begins with a fetch in the background, where there is a runtime.
    pub(super) fn start(rules: &Issuer) -> Arc<Self> {
        let Keys::Remote {
            url,
            refresh,
            floor,
        } = &rules.keys
        else {
            unreachable!("only an issuer with an address for its keys comes here")
        };
        let client = client();
        if let Err(error) = &client {
            tracing::error!(issuer = %rules.name, %error, "the system's certificates can't be read: the keys of an issuer can't be fetched");
        }
        let remote = Arc::new(Self {
            rules: rules.clone(),
            url: url.clone(),
            refresh: *refresh,
            floor: *floor,
            set: ArcSwap::default(),
            fetching: Semaphore::new(1),
            tried: Lock::new(None),
            client: client.ok(),
        });
        remote.clone().fetch_aside();
        remote
    }

    /// The keys of that name; without a name, all of them.
    pub(super) async fn keys(
        self: &Arc<Self>,
        id: Option<&str>,
    ) -> Result<Vec<Arc<Key>>, AuthError> {
        let set = self.set.load_full();
        let found = set.named(id);
        let old = set.fetched.is_none_or(|at| at.elapsed() >= self.refresh);
        if !found.is_empty() {
            if old {
                self.clone().fetch_aside();
            }
            return Ok(found);
        }
        self.fetch_once().await;
        let set = self.set.load_full();
        match (set.named(id), set.fetched) {
            (found, _) if !found.is_empty() => Ok(found),
            (_, None) => Err(AuthError::KeysUnavailable),
            _ => Err(AuthError::UnknownKey),
        }
    }

    /// Fetches in the background, unless that is being done: each token that is checked meanwhile comes here.
    fn fetch_aside(self: Arc<Self>) {
        if self.fetching.available_permits() == 0 {
            return;
        }
        // Made outside of a runtime it is made for a check only, and nobody asks it for keys.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { self.fetch_once().await });
        }
    }

    /// Fetches, unless another one does or has just done so.
    async fn fetch_once(&self) {
        let _one = self.fetching.acquire().await;
        {
            let mut tried = self.tried.lock();
            if tried.is_some_and(|at| at.elapsed() < self.floor) {
                return;
            }
            *tried = Some(Instant::now());
        }
        let outcome = match timeout(TIMEOUT, self.fetch()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer within {TIMEOUT:?}")),
        };
        let label = if outcome.is_ok() { "fetched" } else { "failed" };
        let issuer = self.rules.name.clone();
        metrics::counter!("hearthgate_jwks_fetches_total", "issuer" => issuer, "outcome" => label)
            .increment(1);
        match outcome {
            Ok(keys) => {
                tracing::debug!(issuer = %self.rules.name, keys = keys.len(), "the keys of an issuer were fetched");
                let fetched = Some(Instant::now());
                self.set.store(Arc::new(Set { keys, fetched }));
            }
            Err(why) => {
                tracing::warn!(issuer = %self.rules.name, why, "the keys of an issuer can't be fetched; those that are there hold on");
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<Arc<Key>>, String> {
        let client = self.client.as_ref().ok_or("there is no client")?;
        let request = Request::get(&self.url)
            .header("accept", "application/jwk-set+json, application/json")
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let response = client.request(request).await.map_err(|error| {
            use std::error::Error;
            let cause = error.source().map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        })?;
        if response.status() != StatusCode::OK {
            return Err(format!("the answer is {}", response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        let document: Document =
            serde_json::from_slice(&body).map_err(|_| "the answer is no set of keys".to_owned())?;
        let parsed = document.keys.into_iter().take(MAX_KEYS);
        let keys: Vec<_> = parsed
            .filter_map(|key| serde_json::from_value(key).ok())
            .filter_map(|jwk| Key::of_set(&self.rules, &jwk))
            .map(Arc::new)
            .collect();
        match keys.is_empty() {
            false => Ok(keys),
            true => Err("there is no key in it that can be used".to_owned()),
        }
    }
}

impl Set {
    fn named(&self, id: Option<&str>) -> Vec<Arc<Key>> {
        let keys = self.keys.iter();
        let wanted = keys.filter(|key| id.is_none() || key.id.as_deref() == id);
        wanted.cloned().collect()
    }
}

fn client() -> std::io::Result<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>> {
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?
        .https_or_http()
        .enable_http1()
        .build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[tokio::test]
    async fn a_server_that_hangs_is_waited_for_once() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let server = server.expect("a port");
        let address = server.local_addr().expect("bound");
        let text = format!("[[auth.issuer]]\njwks = \"http://{address}/\"\n");
        let config = Config::parse(&text).unwrap_or_else(|e| panic!("{e}"));
        let remote = Remote::start(&config.auth.issuers[0]);
        let _asked = server.accept().await.expect("it asks");
        let tasks = || {
            let runtime = tokio::runtime::Handle::current();
            runtime.metrics().num_alive_tasks()
        };
        let before = tasks();
        for _ in 0..1000 {
            remote.clone().fetch_aside();
        }
        assert!(tasks() <= before, "{} tasks, {before} before", tasks());
    }
}
