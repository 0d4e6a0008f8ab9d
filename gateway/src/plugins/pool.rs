//! Guests of a plugin without state: made when needed, used again, thrown away after a fault.

use super::guest::{Fault, Guest, Start, Trouble};
use super::job::Job;
use super::loaded::Loaded;
use super::place::Place;
use super::replies::Answer;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// A guest is thrown away after so many jobs, so that a slow leak has an end.
const MAX_USES: u32 = 10_000;

/// One who waits for a turn, until it is dropped: also where whoever waits goes away.
struct Queued<'a>(&'a AtomicUsize);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The guests of one instance.
pub(super) struct Pool {
    engine: wasmtime::Engine,
    loaded: Arc<Loaded>,
    place: Arc<Place>,
    idle: Mutex<Vec<(Guest, u32)>>,
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Which of the instance's pools this is.
    pub(super) generation: u64,
    /// Tells the instance's task of faults.
    faults: mpsc::Sender<(u64, Fault)>,
}

impl Pool {
    /// A pool with one guest, which shows that the plugin works.
    pub(super) async fn start(
        engine: &wasmtime::Engine,
        loaded: &Arc<Loaded>,
        place: &Arc<Place>,
        reason: &str,
        (generation, faults): (u64, mpsc::Sender<(u64, Fault)>),
    ) -> Result<Arc<Self>, Trouble> {
        let pool = Self {
            engine: engine.clone(),
            loaded: loaded.clone(),
            place: place.clone(),
            idle: Mutex::default(),
            turns: Arc::new(Semaphore::new(loaded.instance.limits.instances.max(1))),
            waiting: AtomicUsize::new(0),
            generation,
            faults,
        };
        let first = pool.make(reason).await?;
        pool.idle.lock().push((first, 0));
        Ok(Arc::new(pool))
    }

    /// Does a job, as soon as a guest is free. Whoever goes away while the job waits takes it along; what has begun is
    /// done to its end, because nobody could say what of it was done.
    pub(super) async fn run(self: &Arc<Self>, job: Job) {
        let (replies, id) = (self.place.replies.clone(), job.id);
        let Some(turn) = self.turn().await else {
            return replies.answer(id, Answer::Unavailable("busy".to_owned()));
        };
        let pool = self.clone();
        let begun = tokio::spawn(async move {
            pool.work(job).await;
            drop(turn);
        });
        if let Err(error) = begun.await {
            replies.answer(id, Answer::Internal(error.to_string()));
        }
    }

    /// Waits for a turn. `None`: too many wait, or it took too long.
    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let limits = &self.loaded.instance.limits;
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _queued = Queued(&self.waiting);
        if before >= limits.mailbox {
            return None;
        }
        let turn = self.turns.clone().acquire_owned();
        let turn = tokio::time::timeout(limits.call_timeout, turn).await;
        turn.ok().and_then(Result::ok)
    }

    async fn work(&self, job: Job) {
        let (replies, id) = (self.place.replies.clone(), job.id);
        let outcome = self.with_guest(async |guest| guest.run(job).await).await;
        if let Err(Trouble::Failure(failure)) = outcome {
            let reason = super::setback::describe(&failure);
            replies.answer(id, Answer::Unavailable(reason));
        } else if let Err(Trouble::Fault(fault)) = outcome {
            replies.answer(id, fault.answer());
        }
    }

    /// Lends a guest; one that is lost is not given back.
    pub(super) async fn with_guest<R>(
        &self,
        work: impl AsyncFnOnce(&mut Guest) -> Result<R, Fault>,
    ) -> Result<R, Trouble> {
        let idle = self.idle.lock().pop();
        let (mut guest, uses) = match idle {
            Some(guest) => guest,
            None => (self.make("fresh").await?, 0),
        };
        let done = work(&mut guest).await;
        match &done {
            Ok(_) if uses < MAX_USES => self.idle.lock().push((guest, uses + 1)),
            Ok(_) => {}
            Err(fault) => {
                tracing::warn!(instance = self.place.name.as_str(), %fault, "a guest was thrown away");
                let _ = self.faults.try_send((self.generation, fault.clone()));
            }
        }
        Ok(done?)
    }

    async fn make(&self, reason: &str) -> Result<Guest, Trouble> {
        let mut guest = Guest::new(&self.engine, &self.loaded, &self.place).await?;
        let start = Start {
            instance: self.place.name.to_string(),
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            config: self.loaded.config.clone(),
            reason: reason.to_owned(),
            attempt: 0,
            state: None,
            connections: Vec::new(),
            timers: Vec::new(),
        };
        guest.init(&start).await?;
        Ok(guest)
    }

    /// Stops the guests that are idle; the others are dropped when their job is done.
    pub(super) async fn stop(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        for (guest, _) in idle {
            guest.stop().await;
        }
    }
}
