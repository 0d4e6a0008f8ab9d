//! What is kept of a client: the id it goes by, and its topics. The host keeps the text, so a reload drops nobody.

use hearthgate_plugin::{Caller, DialectClient, Identity};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// Longest text that the host keeps of a client.
pub const MAX_BYTES: usize = 64 * 1024;

/// A client's session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The id of the greeting.
    pub client_id: String,
    /// Who it is, where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What it subscribed to, as it wrote it.
    #[serde(default)]
    pub topics: BTreeSet<String>,
}

impl Session {
    /// The session of a client that has just connected.
    #[must_use]
    pub fn new(client: &DialectClient) -> Self {
        let asked = client.query.iter().find(|(name, _)| name == "client_id");
        let asked = asked.map(|(_, id)| id).filter(|id| is_id(id));
        Self {
            client_id: asked.unwrap_or(&client.id).clone(),
            user: identity(&client.caller).map(|identity| identity.subject.clone()),
            topics: BTreeSet::new(),
        }
    }

    /// The session that is kept with a client. One that another version wrote differently is begun anew.
    #[must_use]
    pub fn of(client: &DialectClient) -> Self {
        serde_json::from_str(&client.session).unwrap_or_else(|_| Self::new(client))
    }

    /// As it is kept.
    #[must_use]
    pub fn to_text(&self) -> String {
        // A session is strings: it can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Who it is; a token that is not valid is none.
#[must_use]
pub fn identity(caller: &Caller) -> Option<&Identity> {
    match caller {
        Caller::Identified(identity) => Some(identity),
        Caller::Anonymous | Caller::Invalid(_) => None,
    }
}

/// The name that a token's claims give its user.
#[must_use]
pub fn username(identity: &Identity) -> String {
    let claims: Value = serde_json::from_str(&identity.claims).unwrap_or_default();
    let names = ["username", "preferred_username", "name"];
    let name = names.iter().find_map(|name| claims[name].as_str());
    name.unwrap_or(&identity.subject).to_owned()
}

fn is_id(id: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=64).contains(&id.len()) && id.bytes().all(fits)
}
