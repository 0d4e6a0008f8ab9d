//! Who is connected: figures, and closing connections. The gateway's list tells, page by page.

use super::{Outcome, Refusal};
use crate::session::Session;
use hearthgate_plugin::gateway;
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// Connections of one page.
const PAGE: u32 = 1000;
/// A connection without a frame for so long is dead, in milliseconds.
const DEAD: u64 = 300_000;

/// A connection of this dialect.
struct Connection {
    id: String,
    session: Session,
    last_seen: Option<u64>,
}

#[derive(Deserialize)]
struct Page {
    total: u32,
    connections: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    #[serde(default)]
    session: Option<String>,
    #[serde(default)]
    last_seen: serde_json::Value,
}

/// All connections of this dialect: those whose session is shown to it.
fn all() -> Result<Vec<Connection>, Refusal> {
    let unavailable = || Refusal(503, "Connections can't be listed".to_owned());
    let (mut found, mut offset) = (Vec::new(), 0);
    loop {
        let page: Page =
            serde_json::from_str(&gateway::clients(offset, PAGE)).map_err(|_| unavailable())?;
        let count = u32::try_from(page.connections.len()).unwrap_or(u32::MAX);
        offset += count;
        found.extend(page.connections.into_iter().filter_map(|listed| {
            let session = serde_json::from_str(listed.session.as_deref()?).ok()?;
            Some(Connection {
                id: listed.id,
                session,
                last_seen: millis(&listed.last_seen),
            })
        }));
        if count == 0 || offset >= page.total {
            return Ok(found);
        }
    }
}

/// An instant: RFC 3339 as the gateway writes it (`2026-11-20T10:15:00.000Z`), or milliseconds.
fn millis(value: &serde_json::Value) -> Option<u64> {
    if let Some(millis) = value.as_u64() {
        return Some(millis);
    }
    let text = value.as_str()?;
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let seconds = number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    // Days since 1970-01-01 by Howard Hinnant's `days_from_civil`.
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    u64::try_from((days * 86_400 + seconds) * 1000).ok()
}

/// How many connections have such a session.
pub fn count(wanted: impl Fn(&Session) -> bool) -> Result<usize, Refusal> {
    let connections = all()?;
    let fitting = connections
        .iter()
        .filter(|connection| wanted(&connection.session));
    Ok(fitting.count())
}

pub fn stats() -> Outcome {
    let connections = all()?;
    let now = now();
    let is_active = |connection: &&Connection| {
        connection
            .last_seen
            .is_none_or(|seen| now.saturating_sub(seen) < DEAD)
    };
    let active = connections.iter().filter(is_active).count();
    let users: BTreeSet<&str> = connections
        .iter()
        .filter_map(|connection| connection.session.user.as_deref())
        .collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut topics = 0;
    for topic in connections
        .iter()
        .flat_map(|connection| &connection.session.topics)
    {
        *counts.entry(topic).or_default() += 1;
        topics += 1;
    }
    let average = if connections.is_empty() {
        0.0
    } else {
        topics as f64 / connections.len() as f64
    };
    let stats = json!({
        "total_connections": connections.len(), "active_connections": active, "total_users": users.len(),
        "subscription_counts": counts, "average_subscriptions_per_client": average,
    });
    Ok(json!({"websocket_stats": stats, "status": "active"}))
}

/// Closes what has been silent for five minutes.
pub fn cleanup() -> Outcome {
    let now = now();
    let dead = all()?.into_iter().filter(|connection| {
        connection
            .last_seen
            .is_some_and(|seen| now.saturating_sub(seen) >= DEAD)
    });
    let mut cleaned = 0;
    for connection in dead {
        cleaned += u32::from(disconnect(&connection.id, "inactive")?);
    }
    Ok(json!({"message": "Cleanup completed successfully", "cleaned_connections": cleaned}))
}

/// Closes a client by the id of its greeting; several may go by the same.
pub fn close(client: &str) -> Outcome {
    let mut closed = 0;
    for connection in all()?
        .into_iter()
        .filter(|connection| connection.session.client_id == client)
    {
        closed += u32::from(disconnect(&connection.id, "closed by an administrator")?);
    }
    match closed {
        0 => Err(Refusal(404, "Connection not found".to_owned())),
        _ => Ok(json!({"message": "Connection closed successfully", "client_id": client})),
    }
}

/// 1001, as the clients come back on every code but 1000.
fn disconnect(id: &str, reason: &str) -> Result<bool, Refusal> {
    gateway::disconnect(id, 1001, reason).map_err(|error| Refusal(500, error.to_string()))
}

fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        let check = |value: serde_json::Value, expected: Option<u64>| {
            assert_eq!(millis(&value), expected, "{value}")
        };
        check(json!("2026-11-20T10:15:00.000Z"), Some(1_795_169_700_000));
        check(json!("2000-02-29T23:59:59.999Z"), Some(951_868_799_000));
        check(json!("1970-01-01T00:00:00Z"), Some(0));
        check(json!(42), Some(42));
        check(json!("soon"), None);
        check(json!(null), None);
    }
}
