//! Timers of guests: ticks arrive as inputs.

use super::Current;
use crate::plugins::input::{Inbox, TimerId};
use std::time::Duration;

/// Shortest period; a shorter one becomes this.
pub const SHORTEST_PERIOD: Duration = Duration::from_millis(10);

/// The timers of one instance's place.
#[derive(Debug)]
pub struct Timers {}

impl Timers {
    pub(crate) fn new(_rights: &Current, _inbox: &Inbox) -> Self {
        Self {}
    }

    /// One tick after a delay.
    ///
    /// # Errors
    /// Where the limit of timers is reached.
    pub fn after(&self, _delay: Duration, _tag: String) -> Result<TimerId, String> {
        Err("no timers yet".to_owned())
    }

    /// A tick every period, the first one after a period.
    ///
    /// # Errors
    /// Where the limit of timers is reached.
    pub fn every(&self, _period: Duration, _tag: String) -> Result<TimerId, String> {
        Err("no timers yet".to_owned())
    }

    /// Cancels a timer; an unknown one is no error.
    pub fn cancel(&self, _id: TimerId) {}

    /// The running timers with their tags, for the handover to a new guest.
    #[must_use]
    pub fn list(&self) -> Vec<(TimerId, String)> {
        Vec::new()
    }

    /// Cancels all but these.
    pub fn retain(&self, _adopted: &[TimerId]) {}
}
