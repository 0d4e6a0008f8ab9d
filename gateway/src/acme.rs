//! Certificates from an ACME server (RFC 8555): ordered, kept and renewed, one task for each set of names.
//!
//! What is served is in [`Held`]; the proofs that the server asks for are in [`Challenges`], where HTTP and TLS find
//! them. A server that is away delays a renewal and nothing else.

mod account;
mod cache;
mod challenges;
mod client;
mod error;
mod held;
mod issued;
mod order;
mod renewal;

pub use challenges::{Challenges, PROOF_PROTOCOL};
pub use client::check_authority;
pub use held::{Current, Held};

use crate::config::Challenge;
use crate::config::acme::Acme as Settings;
use cache::Cache;
use parking_lot::Mutex;
use renewal::Renewal;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use tokio::sync::{Semaphore, watch};

/// The certificates that are ordered, and how. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Acme(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: watch::Sender<Rules>,
    state: PathBuf,
    challenges: Challenges,
    held: Mutex<HashMap<Wanted, Weak<Held>>>,
    /// One permit: orders go one by one, so that the first makes the account for all.
    turn: Arc<Semaphore>,
}

/// A certificate to be had.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Wanted {
    names: Vec<String>,
    challenge: Challenge,
}

/// By what is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rules {
    settings: Arc<Settings>,
    /// Whether challenges would be answered: the listeners are served.
    open: bool,
}

impl Acme {
    /// Nothing is ordered until it is opened; what was ordered before is in a folder of `state`.
    #[must_use]
    pub fn new(settings: &Settings, state: &Path) -> Self {
        let rules = Rules {
            settings: Arc::new(settings.clone()),
            open: false,
        };
        Self(Arc::new(Inner {
            rules: watch::Sender::new(rules),
            state: state.to_path_buf(),
            challenges: Challenges::default(),
            held: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
        }))
    }

    /// Orders by these settings from now on: the listeners are served, and challenges find an answer. Where they have
    /// changed, what went wrong by the old ones is forgotten.
    pub fn open(&self, settings: &Settings) {
        self.0.rules.send_if_modified(|rules| {
            let before = rules.clone();
            rules.open = true;
            if *rules.settings != *settings {
                rules.settings = Arc::new(settings.clone());
            }
            before != *rules
        });
    }

    /// Where the ACME server's questions are answered.
    #[must_use]
    pub fn challenges(&self) -> &Challenges {
        &self.0.challenges
    }

    /// The certificate for these names: at once the one of an earlier order, and kept up to date for as long as
    /// somebody holds it. Reads a file; must be called within a tokio runtime.
    #[must_use]
    pub fn certificate(&self, names: &[String], challenge: Challenge) -> Arc<Held> {
        let wanted = Wanted {
            names: names.to_vec(),
            challenge,
        };
        let mut all = self.0.held.lock();
        all.retain(|_, held| held.strong_count() > 0);
        if let Some(held) = all.get(&wanted).and_then(Weak::upgrade) {
            return held;
        }
        let current = Arc::new(Current::new(names));
        let rules = self.0.rules.subscribe();
        let settings = rules.borrow().settings.clone();
        let cache = Cache::new(&self.0.state, &settings.directory, names);
        let task = Renewal {
            wanted: wanted.clone(),
            current: current.clone(),
            challenges: self.0.challenges.clone(),
            turn: self.0.turn.clone(),
            state: self.0.state.clone(),
        };
        let validity = task.restore(&cache);
        let task = tokio::spawn(task.run(rules, validity));
        let held = Arc::new(Held::new(current, task.abort_handle()));
        all.insert(wanted, Arc::downgrade(&held));
        held
    }
}
