//! The one thread that writes: what waits together is committed together, so many plugins cost one fsync.

use super::StoreError;
use super::engine::{Engine, TABLE};
use bytes::Bytes;
use parking_lot::Mutex;
use redb::{ReadableTable, Table};
use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// So many writes wait at most; who comes later waits before the queue.
const QUEUE: usize = 256;
/// Most writes of one commit.
const BATCH: usize = 128;

/// A write that waits.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) instance: Arc<str>,
    pub(super) key: String,
    /// `None` deletes.
    pub(super) value: Option<Bytes>,
    pub(super) quota: u64,
    pub(super) reply: oneshot::Sender<Result<(), StoreError>>,
}

/// The thread's handle. Dropping it waits for what is queued, at most one commit.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(engine: Arc<Engine>) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let run = move || run(&engine, queue);
        let thread = std::thread::Builder::new()
            .name("plugin-store".to_owned())
            .spawn(run);
        if let Err(error) = &thread {
            tracing::error!(%error, "the plugins' store has no thread to write with");
        }
        let jobs = Mutex::new(thread.is_ok().then_some(jobs));
        Self {
            jobs,
            thread: thread.ok(),
        }
    }

    /// The queue's entrance; `None` where there is nobody behind it.
    pub(super) fn jobs(&self) -> Option<mpsc::Sender<Job>> {
        self.jobs.lock().clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs.lock().take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(engine: &Engine, mut queue: mpsc::Receiver<Job>) {
    // Bytes that each instance uses; counted when it first writes, forgotten when a commit fails.
    let mut used = HashMap::new();
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(job) = queue.try_recv()
        {
            batch.push(job);
        }
        let written = engine.with(|database| {
            let mut used = used.clone();
            let write = database.begin_write()?;
            let outcomes = {
                let mut table = write.open_table(TABLE)?;
                let apply = |job: &Job| apply(&mut table, &mut used, job);
                batch
                    .iter()
                    .map(apply)
                    .collect::<Result<Vec<_>, redb::Error>>()?
            };
            if outcomes.iter().any(Result::is_ok) {
                write.commit()?;
            }
            Ok((used, outcomes))
        });
        match written {
            Ok((counted, outcomes)) => {
                used = counted;
                for (job, outcome) in batch.into_iter().zip(outcomes) {
                    let _ = job.reply.send(outcome);
                }
            }
            Err(error) => {
                used.clear();
                for job in batch {
                    let _ = job.reply.send(Err(error.clone()));
                }
            }
        }
    }
}

type Stored<'a> = Table<'a, (&'static str, &'static str), &'static [u8]>;

/// Puts one job into the transaction, unless it goes over the quota.
fn apply(
    table: &mut Stored<'_>,
    used: &mut HashMap<Arc<str>, u64>,
    job: &Job,
) -> Result<Result<(), StoreError>, redb::Error> {
    let instance: &str = &job.instance;
    let before = match used.get(instance) {
        Some(bytes) => *bytes,
        None => count(table, instance)?,
    };
    let entry = (instance, job.key.as_str());
    let weight = |bytes: usize| (job.key.len() + bytes) as u64;
    let old = table
        .get(entry)?
        .map_or(0, |value| weight(value.value().len()));
    let after = before - old + job.value.as_ref().map_or(0, |value| weight(value.len()));
    match &job.value {
        // What makes it smaller is welcome, also where a quota was lowered.
        Some(_) if after > job.quota && after > before => {
            return Ok(Err(StoreError::Quota(job.quota)));
        }
        Some(value) => table.insert(entry, &**value).map(drop)?,
        None => table.remove(entry).map(drop)?,
    }
    used.insert(job.instance.clone(), after);
    Ok(Ok(()))
}

/// The bytes of an instance, keys included.
fn count(table: &Stored<'_>, instance: &str) -> Result<u64, redb::Error> {
    let mut bytes = 0;
    for entry in table.range((instance, "")..)? {
        let (key, value) = entry?;
        let (owner, key) = key.value();
        if owner != instance {
            break;
        }
        bytes += (key.len() + value.value().len()) as u64;
    }
    Ok(bytes)
}
