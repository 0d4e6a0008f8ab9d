//! Who somebody is.

use serde::{Deserialize, Serialize};

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The one it speaks for.
    pub subject: String,
    /// What it is allowed as.
    pub roles: Vec<String>,
    /// All claims of its token, one JSON object.
    #[serde(default)]
    pub claims: serde_json::Map<String, serde_json::Value>,
}
