//! What a connection's reader and its shard tell each other and the admin API about it, without a lock but for what
//! rarely changes.

use crate::auth::Identity;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// The figures of one connection.
#[derive(Debug, Default)]
pub struct Status {
    /// When something was last read, in milliseconds since the shards started. Written by the reader.
    last_read: AtomicU64,
    /// Messages read. Written by the reader.
    received: AtomicU64,
    /// Events that wait. Written by the shard.
    queued: AtomicU32,
    /// Events dropped. Written by the shard.
    dropped: AtomicU64,
    /// Frames written. Written by the shard.
    sent: AtomicU64,
    /// Bytes read. Written by the reader.
    bytes_received: AtomicU64,
    /// Bytes written. Written by the shard.
    bytes_sent: AtomicU64,
    /// Subscriptions. Written by the shard.
    subscriptions: AtomicU32,
    /// Who it is. Written by the shard.
    identity: Mutex<Option<Arc<Identity>>>,
    /// What a plugin's dialect keeps with it. Written by the dialect's session.
    session: Mutex<Option<Arc<str>>>,
    /// Subscriptions that the shard ended on its own. Written by the shard, taken by the reader.
    withdrawn: Mutex<Vec<u64>>,
    /// Whether its last words are said, or chosen. Written by the shard, and where a connection is closed as it opens.
    closing: AtomicBool,
}

impl Status {
    pub(super) fn withdraw(&self, subscriptions: &[u64]) {
        self.withdrawn.lock().extend_from_slice(subscriptions);
    }

    /// Takes the subscriptions that the shard has ended since the last time.
    #[must_use]
    pub fn take_withdrawn(&self) -> Vec<u64> {
        std::mem::take(&mut *self.withdrawn.lock())
    }

    /// The connection ends: what its client still sends is not looked at any more.
    pub fn set_closing(&self) {
        self.closing.store(true, Relaxed);
    }

    /// Whether the connection ends.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    /// Notes that something was read.
    pub fn read_at(&self, millis: u64) {
        self.last_read.store(millis, Relaxed);
    }

    /// When something was last read, in milliseconds since the shards started.
    #[must_use]
    pub fn last_read(&self) -> u64 {
        self.last_read.load(Relaxed)
    }

    /// Notes messages that were read.
    pub fn add_received(&self, messages: u64) {
        self.received.store(self.received() + messages, Relaxed);
    }

    /// Messages read.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    pub(super) fn set_queued(&self, events: usize) {
        self.queued
            .store(u32::try_from(events).unwrap_or(u32::MAX), Relaxed);
    }

    /// Events that wait.
    #[must_use]
    pub fn queued(&self) -> u32 {
        self.queued.load(Relaxed)
    }

    pub(super) fn add_dropped(&self, events: u64) {
        self.dropped.store(self.dropped() + events, Relaxed);
    }

    /// Events dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    pub(super) fn add_sent(&self, frames: u64, bytes: u64) {
        self.sent.store(self.sent() + frames, Relaxed);
        self.bytes_sent.store(self.bytes_sent() + bytes, Relaxed);
    }

    /// Bytes written.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent.load(Relaxed)
    }

    /// Notes bytes that were read.
    pub fn add_bytes_received(&self, bytes: u64) {
        self.bytes_received
            .store(self.bytes_received() + bytes, Relaxed);
    }

    /// Bytes read.
    #[must_use]
    pub fn bytes_received(&self) -> u64 {
        self.bytes_received.load(Relaxed)
    }

    pub(super) fn set_identity(&self, identity: Option<Arc<Identity>>) {
        *self.identity.lock() = identity;
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.identity.lock().clone()
    }

    /// Notes what a plugin's dialect keeps with the connection.
    pub fn set_session(&self, session: Arc<str>) {
        *self.session.lock() = Some(session);
    }

    /// What a plugin's dialect keeps with the connection.
    #[must_use]
    pub fn session(&self) -> Option<Arc<str>> {
        self.session.lock().clone()
    }

    /// Frames written.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    pub(super) fn set_subscriptions(&self, count: usize) {
        self.subscriptions
            .store(u32::try_from(count).unwrap_or(u32::MAX), Relaxed);
    }

    /// Subscriptions.
    #[must_use]
    pub fn subscriptions(&self) -> u32 {
        self.subscriptions.load(Relaxed)
    }
}
