//! The retained state of topics. Grant and manifest request: `subscribe`, as for a subscriber.

use crate::{HostError, Published, raw};

/// Most events of one question to the host.
const PAGE: u32 = 256;

/// What is retained on topics that one of these filters matches, in the order of the topics, after the topic `after`: at
/// most `limit`, at most 1000, and at most `limits.receive-size` of data. Ask again after the last topic until nothing
/// comes, or let [`all`] do that. While a dialect's client or an HTTP
/// request is answered, only what that caller may read by the operator's `[access]` is there. Audiences are not applied:
/// they are the plugin's to judge.
///
/// # Errors
/// A filter is none, or no grant covers any of it.
pub fn read(topics: &[&str], after: Option<&str>, limit: u32) -> Result<Vec<Published>, HostError> {
    let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
    raw::retained::read(&topics, after, limit)
        .map_err(|reason| HostError::new("retained.read", reason))
}

/// All of it, page by page. For what fits in the plugin's memory and its time of a call.
///
/// # Errors
/// As for [`read`].
pub fn all(topics: &[&str]) -> Result<Vec<Published>, HostError> {
    let mut found: Vec<Published> = Vec::new();
    loop {
        let after = found.last().map(|last| last.event.topic.clone());
        let page = read(topics, after.as_deref(), PAGE)?;
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page);
    }
}
