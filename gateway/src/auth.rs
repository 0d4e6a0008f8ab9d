//! Who a connection is. Who may connect, see and do what is decided here; today every connection is anonymous
//! unless the listener's own configuration says otherwise.

mod accounts;
mod caller;

pub use accounts::{Accounts, Answering, LoginError, LoginSession, NoAccounts};
pub use caller::Caller;

use serde::{Deserialize, Serialize};

/// Who a connection is.
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
