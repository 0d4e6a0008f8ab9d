//! Which rules fit somebody, and what they come to.

use super::{Access, Grant};
use crate::auth::jwt::step;
use crate::config;
use crate::config::access::{KindPattern, Pattern, Rule, SUBJECT};
use crate::event::{Identity, TopicFilter};
use arc_swap::ArcSwap;
use lru::LruCache;
use parking_lot::Mutex;
use serde_json::Value;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Most compiled accesses that are kept; one that is not is compiled again.
const MAX_COMPILED: usize = 4096;

/// The rules, as last configured. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Rules(Arc<ArcSwap<Compiled>>);

struct Compiled {
    config: config::Access,
    anonymous: Arc<Access>,
    known: Mutex<LruCache<Key, Arc<Access>>>,
}

/// Whom the same rules fit, and who has the same subject where one of them names it, may the same.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    rules: Box<[usize]>,
    subject: Option<Box<str>>,
}

impl Rules {
    /// The rules of a configuration.
    #[must_use]
    pub fn new(config: &config::Access) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Compiled::new(config))))
    }

    /// Takes another configuration. Whether anything is different.
    #[must_use]
    pub fn apply(&self, config: &config::Access) -> bool {
        let changed = self.0.load().config != *config;
        if changed {
            self.0.store(Arc::new(Compiled::new(config)));
        }
        changed
    }

    /// What somebody may; `None`: somebody who did not say who it is.
    #[must_use]
    pub fn access(&self, identity: Option<&Identity>) -> Arc<Access> {
        let compiled = self.0.load();
        match identity {
            None => compiled.anonymous.clone(),
            Some(identity) => compiled.of(identity),
        }
    }

    /// Whether a path of a plugin's routes may be asked for, as far as rules say so: a path that no rule names is
    /// open to whom the listener lets in.
    #[must_use]
    pub fn may_ask(&self, identity: Option<&Identity>, path: &str) -> bool {
        let compiled = self.0.load();
        let plain = plain(path);
        let names = |rule: &&Rule| {
            let mut routes = rule.routes.iter();
            routes.any(|route| covers(route, &plain) || covers(route, path))
        };
        let mut naming = compiled.config.rules.iter().filter(names).peekable();
        if naming.peek().is_none() {
            return true;
        }
        identity.is_some_and(|identity| naming.any(|rule| fits(rule, identity)))
    }
}

impl Compiled {
    fn new(config: &config::Access) -> Self {
        let most = NonZeroUsize::new(MAX_COMPILED).unwrap_or(NonZeroUsize::MIN);
        Self {
            config: config.clone(),
            anonymous: Arc::new(compile(config, &[], "")),
            known: Mutex::new(LruCache::sparse(most)),
        }
    }

    fn of(&self, identity: &Identity) -> Arc<Access> {
        let rules = self.config.rules.iter().enumerate();
        let fitting = rules.filter(|(_, rule)| fits(rule, identity));
        let fitting: Box<[usize]> = fitting.map(|(nth, _)| nth).collect();
        if fitting.is_empty() {
            return self.anonymous.clone();
        }
        let personal = |nth: &usize| {
            let rule = &self.config.rules[*nth];
            let mut patterns = rule.read.iter().chain(&rule.publish);
            patterns.any(|pattern| matches!(pattern, Pattern::OfSubject(_)))
        };
        let subject = fitting.iter().any(personal);
        let key = Key {
            subject: subject.then(|| identity.subject.as_str().into()),
            rules: fitting,
        };
        let mut known = self.known.lock();
        if let Some(access) = known.get(&key) {
            return access.clone();
        }
        let access = Arc::new(compile(&self.config, &key.rules, &identity.subject));
        known.put(key, access.clone());
        access
    }
}

/// All of what a rule asks for must be there; of several values one is enough.
fn fits(rule: &Rule, identity: &Identity) -> bool {
    let role = rule.roles.is_empty() || rule.roles.iter().any(|r| identity.roles.contains(r));
    let subject = rule.subjects.is_empty() || rule.subjects.contains(&identity.subject);
    let claim = |(steps, wanted): &(Vec<String>, Vec<Value>)| match step(&identity.claims, steps) {
        Some(Value::Array(found)) => found.iter().any(|one| wanted.contains(one)),
        Some(found) => wanted.contains(found),
        None => false,
    };
    role && subject && rule.claims.iter().all(claim)
}

fn compile(config: &config::Access, rules: &[usize], subject: &str) -> Access {
    let mut access = Access::default();
    let public = config.public.iter().cloned();
    access.read.extend(public.map(|topics| Grant {
        topics,
        kinds: Vec::new(),
    }));
    let mut calls: Vec<&String> = config.public_calls.iter().collect();
    for rule in rules.iter().map(|nth| &config.rules[*nth]) {
        let grants = |patterns: &[Pattern]| -> Vec<Grant> {
            let filters = patterns.iter().filter_map(|p| filter(p, subject));
            filters.map(|topics| grant(topics, &rule.kinds)).collect()
        };
        access.read.extend(grants(&rule.read));
        access.publish.extend(grants(&rule.publish));
        calls.extend(&rule.call);
    }
    access.reads_all = access
        .read
        .iter()
        .any(|grant| grant.topics.as_str() == "#" && grant.kinds.is_empty());
    access.calls_all = calls.iter().any(|call| *call == "*");
    access.calls = calls.into_iter().cloned().collect();
    access
}

fn grant(topics: TopicFilter, kinds: &[KindPattern]) -> Grant {
    Grant {
        topics,
        kinds: kinds.to_vec(),
    }
}

/// A pattern for one subject. A subject that is more than one plain level gets nothing from it: with a slash or a
/// wildcard in its name it would reach what belongs to others.
fn filter(pattern: &Pattern, subject: &str) -> Option<TopicFilter> {
    match pattern {
        Pattern::Fixed(filter) => Some(filter.clone()),
        Pattern::OfSubject(_) if subject.is_empty() || subject.contains(['/', '+', '#']) => None,
        Pattern::OfSubject(text) => {
            let levels = text.split('/');
            let levels: Vec<_> = levels
                .map(|level| if level == SUBJECT { subject } else { level })
                .collect();
            TopicFilter::parse(&levels.join("/")).ok()
        }
    }
}

/// Whether a rule's path names one: itself, or with a last `*` itself and all below.
fn covers(route: &str, path: &str) -> bool {
    match route.strip_suffix('*') {
        None => route == path || route.strip_suffix('/') == Some(path),
        Some(beginning) => path.starts_with(beginning) || beginning.strip_suffix('/') == Some(path),
    }
}

/// A path as a plugin may come to understand it: decoded, without empty parts and without `.` and `..`. A rule holds for
/// it as for the path as it was sent, so that no other way of writing leads past the rule.
fn plain(path: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let decoded = decoded(path);
    for part in decoded.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part.to_owned()),
        }
    }
    format!("/{}", parts.join("/"))
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let code = hex.and_then(|two| u8::from_str_radix(two, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (byte, _) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
