//! Timers of guests: ticks arrive as inputs.
//!
//! Time is monotonic: a wall clock that is set moves nothing. A single tick waits for room in the inbox. The ticks of a
//! period that runs out while the one before still waits there become one: a guest that was busy gets one tick, not many,
//! and the next ones come at their old rhythm.

use super::Current;
use crate::plugins::input::{Inbox, Input, TimerId};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior};

/// Shortest period; a shorter one becomes this.
pub const SHORTEST_PERIOD: Duration = Duration::from_millis(10);
/// Longest tag, in bytes.
pub const LONGEST_TAG: usize = 256;

/// Ids are unique while the gateway runs, so one that a guest kept for too long names nobody else's timer.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

#[derive(Debug)]
struct Running {
    tag: String,
    task: AbortHandle,
}

type Table = Arc<Mutex<BTreeMap<TimerId, Running>>>;

/// The timers of one instance's place.
#[derive(Debug)]
pub struct Timers {
    rights: Current,
    inbox: Inbox,
    running: Table,
}

impl Timers {
    pub(crate) fn new(rights: &Current, inbox: &Inbox) -> Self {
        Self {
            rights: rights.clone(),
            inbox: inbox.clone(),
            running: Table::default(),
        }
    }

    /// One tick after a delay.
    ///
    /// # Errors
    /// Where the limit of timers is reached or the tag is too long.
    pub fn after(&self, delay: Duration, tag: String) -> Result<TimerId, String> {
        self.start(tag, |id, tag, inbox, running| async move {
            tokio::time::sleep(delay).await;
            inbox.deliver(Input::Timer(id, tag)).await;
            running.lock().remove(&id);
        })
    }

    /// A tick every period, the first one after a period.
    ///
    /// # Errors
    /// Where the limit of timers is reached or the tag is too long.
    pub fn every(&self, period: Duration, tag: String) -> Result<TimerId, String> {
        let period = period.max(SHORTEST_PERIOD);
        let Some(first) = Instant::now().checked_add(period) else {
            return Err("the period is too long".to_owned());
        };
        self.start(tag, move |id, tag, inbox, running| async move {
            let mut ticks = tokio::time::interval_at(first, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                if !inbox.deliver(Input::Timer(id, tag.clone())).await {
                    break;
                }
            }
            running.lock().remove(&id);
        })
    }

    /// Cancels a timer; an unknown one is no error. A tick that is in the inbox already still arrives.
    pub fn cancel(&self, id: TimerId) {
        if let Some(timer) = self.running.lock().remove(&id) {
            timer.task.abort();
        }
    }

    /// The running timers with their tags, for the handover to a new guest.
    #[must_use]
    pub fn list(&self) -> Vec<(TimerId, String)> {
        let running = self.running.lock();
        running
            .iter()
            .map(|(id, timer)| (*id, timer.tag.clone()))
            .collect()
    }

    /// Cancels all but these.
    pub fn retain(&self, adopted: &[TimerId]) {
        self.running.lock().retain(|id, timer| {
            let keep = adopted.contains(id);
            if !keep {
                timer.task.abort();
            }
            keep
        });
    }

    fn start<F, Work>(&self, tag: String, work: Work) -> Result<TimerId, String>
    where
        F: Future<Output = ()> + Send + 'static,
        Work: FnOnce(TimerId, String, Inbox, Table) -> F,
    {
        if tag.len() > LONGEST_TAG {
            return Err(format!("a tag has at most {LONGEST_TAG} bytes"));
        }
        let limit = self.rights.load().limits.timers;
        // The lock is held while the task is spawned, so that one which ends at once finds its entry to remove.
        let mut running = self.running.lock();
        if running.len() >= limit {
            return Err(format!("limit reached: {limit} timers"));
        }
        let id = TimerId(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let work = work(id, tag.clone(), self.inbox.clone(), self.running.clone());
        let task = tokio::spawn(work).abort_handle();
        running.insert(id, Running { tag, task });
        Ok(id)
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.retain(&[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::input::Inputs;
    use crate::plugins::services::Rights;

    fn timers(capacity: usize) -> (Timers, Inputs) {
        let (inbox, inputs) = Inbox::new(capacity);
        let rights = Current::new(arc_swap::ArcSwap::from_pointee(Rights::default()));
        (Timers::new(&rights, &inbox), inputs)
    }

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[tokio::test]
    async fn single_and_periodic_ticks_come_when_they_are_due() {
        let (timers, mut inputs) = timers(8);
        let begin = Instant::now();
        let once = timers.after(millis(30), "once".into()).expect("a timer");
        let often = timers.every(millis(20), "often".into()).expect("a timer");
        let mut ticks = 0;
        let mut fired = 0;
        while ticks < 4 || fired < 1 {
            match inputs.recv().await {
                Some(Input::Timer(id, tag)) if id == often && tag == "often" => {
                    ticks += 1;
                    assert!(
                        begin.elapsed() >= millis(20 * ticks),
                        "tick {ticks} came early"
                    );
                }
                Some(Input::Timer(id, tag)) if id == once && tag == "once" => {
                    fired += 1;
                    assert!(begin.elapsed() >= millis(30), "it came early");
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(fired, 1);
        while timers.list().len() > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(timers.list(), [(often, "often".to_owned())]);
    }

    #[tokio::test]
    async fn ticks_that_nobody_takes_become_one() {
        let (timers, mut inputs) = timers(1);
        let (clock, mut time) = self::timers(1);
        timers.every(millis(10), "t".into()).expect("a timer");
        // A hundred periods pass while nobody takes a tick: one is in the inbox, one waits for room.
        clock.after(millis(1000), String::new()).expect("a timer");
        time.recv().await.expect("the time is over");
        let mut at_once = 0;
        while let Ok(Input::Timer(..)) = inputs.try_recv() {
            at_once += 1;
            tokio::task::yield_now().await;
        }
        assert!((1..10).contains(&at_once), "{at_once} ticks at once");
        inputs.recv().await.expect("and it goes on");
    }

    #[tokio::test]
    async fn cancelled_and_unadopted_timers_are_silent() {
        let (timers, mut inputs) = timers(8);
        let [a, b, c] =
            ["a", "b", "c"].map(|tag| timers.after(millis(10), tag.into()).expect("a timer"));
        timers.cancel(a);
        timers.cancel(a);
        timers.retain(&[c]);
        assert_eq!(timers.list(), [(c, "c".to_owned())]);
        assert_eq!(inputs.recv().await, Some(Input::Timer(c, "c".to_owned())));
        assert!(b < c && a < b);
        drop(timers);
        assert_eq!(inputs.recv().await, None, "nothing delivers any more");
    }

    #[tokio::test]
    async fn the_limit_counts_running_timers_only() {
        let (timers, mut inputs) = timers(80);
        for n in 0..64 {
            timers.after(millis(n), "t".into()).expect("a timer");
        }
        let refused = timers.after(millis(1), "t".into());
        assert_eq!(refused, Err("limit reached: 64 timers".to_owned()));
        inputs.recv().await.expect("a tick");
        tokio::task::yield_now().await;
        assert!(timers.every(millis(1), "t".into()).is_ok());
        assert!(timers.after(millis(1), "x".repeat(257)).is_err());
    }
}
