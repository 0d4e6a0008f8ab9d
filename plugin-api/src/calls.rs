//! Messages to handlers, as a client would send them: a route that blocks a device, a dialect's own command. Grant and
//! manifest request: `call = ["block_device"]`.

use crate::{CallError, Identity, Rejection, raw};
use serde::Serialize;

/// Sends a message to the handler of its type and waits for the reply; later inputs of this plugin wait too. The handler
/// sees a client `plugin:INSTANCE` with this identity: pass on who asked, where somebody did. Then it is refused
/// (`Rejected(Forbidden)`) what the operator's `[access]` does not let that identity call; without an identity the plugin
/// asks for itself.
///
/// # Errors
/// Nobody answers that type, the handler said no or failed, or it is away. A call that is not granted, that would lead
/// back to this plugin, or whose chain has more than four links is `Unavailable` with the reason.
pub fn call(
    kind: &str,
    data: &impl Serialize,
    caller: Option<&Identity>,
) -> Result<String, CallError> {
    let data = serde_json::to_string(data)
        .map_err(|error| CallError::Rejected(Rejection::BadRequest(error.to_string())))?;
    raw::calls::call(kind, &data, caller)
}
