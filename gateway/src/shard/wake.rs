//! How a shard learns that a socket that would block can be written again, without a task for each.

use parking_lot::Mutex;
use std::sync::Arc;
use std::task::{Wake, Waker};
use tokio::sync::Notify;

/// Slots of connections whose sockets can be written again. Holds each slot at most once, so it is bounded by
/// their number; it is touched only for sockets that did block.
#[derive(Default)]
pub(super) struct Writable {
    slots: Mutex<Vec<u32>>,
    some: Notify,
}

/// Wakes the shard for one slot.
struct SlotWaker {
    slot: u32,
    writable: Arc<Writable>,
}

impl Writable {
    /// The waker that the socket of a slot calls.
    pub(super) fn waker(self: &Arc<Self>, slot: u32) -> Waker {
        let writable = self.clone();
        Waker::from(Arc::new(SlotWaker { slot, writable }))
    }

    /// Waits until there is one. Safe to drop while it waits.
    pub(super) async fn some(&self) {
        self.some.notified().await;
    }

    /// Takes all.
    pub(super) fn take(&self) -> Vec<u32> {
        std::mem::take(&mut self.slots.lock())
    }
}

impl Wake for SlotWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut slots = self.writable.slots.lock();
        if !slots.contains(&self.slot) {
            slots.push(self.slot);
        }
        drop(slots);
        self.writable.some.notify_one();
    }
}
