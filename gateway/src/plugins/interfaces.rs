//! The interfaces of the contract: which roles exports stand for, which capabilities imports stand for, and what to
//! tell an author whose plugin was built against another version.

use super::manifest::{API_VERSION, Manifest, nearest};
use std::collections::BTreeSet;
use std::fmt;

/// What a plugin offers, beside `lifecycle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Driven by inputs; the plugin then is one guest with state.
    Source,
    /// Told of events.
    Subscriber,
    /// Answers clients' messages.
    Handler,
    /// Answers HTTP requests.
    Routes,
    /// Speaks another system's client protocol.
    Dialect,
}

impl Role {
    /// The interface's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Subscriber => "subscriber",
            Self::Handler => "message-handler",
            Self::Routes => "routes",
            Self::Dialect => "dialect",
        }
    }

    /// The word that documents and the SDK use.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            other => other.name(),
        }
    }
}

/// What imports amount to: the word that requests and grants use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// `bus`.
    Publish,
    /// `websocket`, `tcp`, `http`.
    Connect,
    /// `files`.
    Files,
    /// `commands`.
    Commands,
    /// `retained`.
    Subscribe,
    /// `calls`.
    Call,
    /// `secrets`.
    Reveal,
    /// `gateway`.
    Gateway,
    /// `system`.
    System,
}

impl Capability {
    /// The word that requests and grants use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Connect => "connect",
            Self::Files => "files",
            Self::Commands => "commands",
            Self::Subscribe => "subscribe",
            Self::Call => "call",
            Self::Reveal => "reveal",
            Self::Gateway => "gateway",
            Self::System => "system",
        }
    }

    /// Whether a manifest asks for it at all.
    #[must_use]
    pub fn is_requested(self, manifest: &Manifest) -> bool {
        [&manifest.required, &manifest.optional]
            .into_iter()
            .any(|r| match self {
                Self::Publish => !r.publish.is_empty(),
                Self::Connect => !r.connect.is_empty(),
                Self::Files => !r.files.is_empty(),
                Self::Commands => !r.commands.is_empty(),
                Self::Subscribe => !r.subscribe.is_empty(),
                Self::Call => !r.call.is_empty(),
                Self::Reveal => !r.reveal.is_empty(),
                Self::Gateway => !r.gateway.is_empty(),
                Self::System => r.system,
            })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const PACKAGE: &str = "hearthgate:plugin";
/// Interfaces that need no grant; `types` and `net` hold types only.
const FREE: &[&str] = &[
    "types", "net", "log", "metrics", "timers", "store", "replies",
];
const GRANTED: &[(&str, Capability)] = &[
    ("bus", Capability::Publish),
    ("websocket", Capability::Connect),
    ("tcp", Capability::Connect),
    ("http", Capability::Connect),
    ("files", Capability::Files),
    ("commands", Capability::Commands),
    ("retained", Capability::Subscribe),
    ("calls", Capability::Call),
    ("secrets", Capability::Reveal),
    ("gateway", Capability::Gateway),
    ("system", Capability::System),
];
/// What `wasm32-wasip2` links into every program; there is nothing behind it.
const WASI: &[&str] = &[
    "wasi:cli",
    "wasi:clocks",
    "wasi:filesystem",
    "wasi:io",
    "wasi:random",
    "wasi:sockets",
];
const EXPORTS: &[(&str, Option<Role>)] = &[
    ("lifecycle", None),
    ("source", Some(Role::Source)),
    ("subscriber", Some(Role::Subscriber)),
    ("message-handler", Some(Role::Handler)),
    ("routes", Some(Role::Routes)),
    ("dialect", Some(Role::Dialect)),
];

/// The roles of a component with these exports.
///
/// # Errors
/// What does not fit, both versions, and what to do.
pub fn roles<'a>(exports: impl Iterator<Item = &'a str>) -> Result<BTreeSet<Role>, String> {
    let mut roles = BTreeSet::new();
    let mut alive = false;
    for name in exports {
        let Some(interface) = interface_of(name, "exports")? else {
            continue;
        };
        match EXPORTS.iter().find(|(known, _)| *known == interface) {
            Some((_, None)) => alive = true,
            Some((_, Some(role))) => {
                roles.insert(*role);
            }
            // A later contract may offer more; what this gateway doesn't know it doesn't call.
            None => {}
        }
    }
    if !alive {
        return Err(format!(
            "does not export {PACKAGE}/lifecycle, which every plugin has: is it a Hearthgate plugin?"
        ));
    }
    if roles.is_empty() {
        return Err("exports lifecycle but no role (source, subscriber, message-handler, routes or dialect)".to_owned());
    }
    Ok(roles)
}

/// The capabilities of a component with these imports, with the interface that stands for each.
///
/// # Errors
/// What this gateway does not offer, both versions, and what to do.
pub fn imports<'a>(
    imports: impl Iterator<Item = &'a str>,
) -> Result<Vec<(&'static str, Capability)>, String> {
    let mut found = Vec::new();
    for name in imports {
        if let Some(interface) = interface_of(name, "imports")? {
            if let Some(granted) = GRANTED.iter().find(|(known, _)| *known == interface) {
                found.push(*granted);
            } else if !FREE.contains(&interface) {
                let known: Vec<&str> = FREE
                    .iter()
                    .copied()
                    .chain(GRANTED.iter().map(|g| g.0))
                    .collect();
                return Err(format!(
                    "imports {name}, which this gateway (plugin API {API_VERSION}) does not have{}: \
                     update the gateway, or build the plugin against API {API_VERSION}",
                    nearest(interface, &known)
                ));
            }
        } else if !WASI
            .iter()
            .any(|w| name.strip_prefix(w).is_some_and(|r| r.starts_with('/')))
        {
            return Err(format!(
                "imports {name}, which no plugin gets: use the interfaces of {PACKAGE}@{API_VERSION} instead"
            ));
        }
    }
    Ok(found)
}

/// The interface's name within the contract; `None` for another package's.
fn interface_of<'a>(name: &'a str, verb: &str) -> Result<Option<&'a str>, String> {
    let Some(rest) = name.strip_prefix(PACKAGE).and_then(|r| r.strip_prefix('/')) else {
        return Ok(None);
    };
    let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
    if compatible(version) {
        return Ok(Some(interface));
    }
    Err(format!(
        "{verb} {name}, but this gateway speaks plugin API {API_VERSION}: build the plugin anew with the plugin-api of this \
         gateway (its README.md says what changed), or run a gateway of API {version}"
    ))
}

/// As cargo sees it: below 1.0 the minor version must be the same, from 1.0 on the major one.
pub(super) fn compatible(version: &str) -> bool {
    let mut theirs = version.split('.');
    let mut ours = API_VERSION.split('.');
    let major = (theirs.next(), ours.next());
    let minor = (theirs.next(), ours.next());
    major.0 == major.1 && (major.1 != Some("0") || minor.0 == minor.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_from_exports() {
        let found = roles(
            [
                "hearthgate:plugin/lifecycle@0.2.0",
                "hearthgate:plugin/routes@0.2.3",
                "cabi",
            ]
            .into_iter(),
        );
        assert_eq!(found, Ok(BTreeSet::from([Role::Routes])));
    }

    #[test]
    fn what_does_not_fit_says_both_versions_and_the_fix() {
        let error = roles(["hearthgate:plugin/lifecycle@0.3.0"].into_iter()).expect_err("newer");
        assert!(
            error.contains("@0.3.0") && error.contains("API 0.2.0"),
            "{error}"
        );
        let error = roles(["wasi:cli/run@0.2.6"].into_iter()).expect_err("a command");
        assert!(error.contains("lifecycle"), "{error}");
        let error = imports(["hearthgate:plugin/buss@0.2.0"].into_iter()).expect_err("unknown");
        assert!(error.contains("did you mean \"bus\"?"), "{error}");
        let error = imports(["wasi:http/outgoing-handler@0.2.0"].into_iter()).expect_err("http");
        assert!(error.contains("which no plugin gets"), "{error}");
        let error = imports(["wasi:clixyz/a@0.2.0"].into_iter()).expect_err("a look-alike");
        assert!(error.contains("which no plugin gets"), "{error}");
    }

    #[test]
    fn imports_amount_to_capabilities() {
        let names = [
            "hearthgate:plugin/bus@0.2.0",
            "hearthgate:plugin/log@0.2.0",
            "wasi:io/poll@0.2.6",
            "hearthgate:plugin/tcp@0.2.0",
        ];
        let found = imports(names.into_iter()).expect("all known");
        assert_eq!(
            found,
            [("bus", Capability::Publish), ("tcp", Capability::Connect)]
        );
    }
}
