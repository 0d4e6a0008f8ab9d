//! Timers: ticks arrive as inputs, for [`Plugin::on_timer`](crate::Plugin::on_timer). No grant is needed;
//! `limits.timers` (64) bounds how many there are.

use crate::{HostError, TimerId, millis, raw};
use std::time::Duration;

/// Ticks once.
///
/// # Errors
/// The limit is reached.
pub fn after(delay: Duration, tag: &str) -> Result<TimerId, HostError> {
    raw::timers::after(millis(delay), tag).map_err(|reason| HostError::new("timers.after", reason))
}

/// Ticks again and again, without drifting. A tick that comes while the one before still waits is dropped.
///
/// # Errors
/// The limit is reached, or the period is 0.
pub fn every(period: Duration, tag: &str) -> Result<TimerId, HostError> {
    raw::timers::every(millis(period), tag).map_err(|reason| HostError::new("timers.every", reason))
}

/// Ends a timer; one that is over already is no mistake.
pub fn cancel(id: TimerId) {
    raw::timers::cancel(id);
}
