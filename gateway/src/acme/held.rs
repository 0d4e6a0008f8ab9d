//! A certificate as the listeners hold it: there or not yet, and exchanged under open connections.

use super::issued::Issued;
use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::AbortHandle;

/// A certificate that is kept up to date until this is dropped.
#[derive(Debug)]
pub struct Held {
    current: Arc<Current>,
    task: AbortHandle,
}

impl Held {
    pub(super) fn new(current: Arc<Current>, task: AbortHandle) -> Self {
        Self { current, task }
    }

    /// What handshakes are made with.
    #[must_use]
    pub fn current(&self) -> Arc<Current> {
        self.current.clone()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The certificate as it stands.
#[derive(Debug)]
pub struct Current {
    names: String,
    key: ArcSwapOption<CertifiedKey>,
    /// Whether it was said that a client was refused: one line is enough for all that come before the first.
    said: AtomicBool,
}

impl Current {
    pub(super) fn new(names: &[String]) -> Self {
        Self {
            names: names.join(", "),
            key: ArcSwapOption::empty(),
            said: AtomicBool::new(false),
        }
    }

    /// Whether there is one.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.key.load().is_some()
    }

    pub(super) fn install(&self, issued: &Issued) {
        self.key.store(Some(issued.key()));
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = self.key.load_full();
        if key.is_none() && !self.said.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                names = self.names,
                "a TLS client was refused, and so are all until the first certificate is there"
            );
        }
        key
    }
}
