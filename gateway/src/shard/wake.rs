//! How a shard learns that a socket that would block can be written again, without a task for each.

use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use std::sync::Arc;
use std::task::{Wake, Waker};
use tokio::sync::Notify;

/// Slots of connections whose sockets can be written again. Holds each slot at most once, so it is bounded by
/// their number; it is touched only for sockets that did block.
#[derive(Default)]
pub(super) struct Writable {
    slots: Mutex<Slots>,
    some: Notify,
}

/// In the order in which they came, and which they are: thousands of slow readers may wake at once.
#[derive(Default)]
struct Slots {
    order: Vec<u32>,
    known: FxHashSet<u32>,
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
        let mut slots = self.slots.lock();
        slots.known.clear();
        std::mem::take(&mut slots.order)
    }
}

impl Wake for SlotWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut slots = self.writable.slots.lock();
        if slots.known.insert(self.slot) {
            slots.order.push(self.slot);
        }
        drop(slots);
        self.writable.some.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_is_told_once_until_it_is_taken() {
        let writable = Arc::new(Writable::default());
        for slot in [7, 3, 7, 3, 9] {
            writable.waker(slot).wake();
        }
        assert_eq!(writable.take(), [7, 3, 9]);
        assert_eq!(writable.take(), [0; 0]);
        writable.waker(3).wake();
        assert_eq!(writable.take(), [3], "again");
    }
}
