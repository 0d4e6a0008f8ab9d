//! Reports: to how many connections an event went.

use tokio::sync::mpsc;

/// Where each shard writes to how many of its connections a batch went.
#[derive(Clone)]
pub struct Report(mpsc::Sender<u32>);

/// The publisher's end of a report.
pub struct Answers(mpsc::Receiver<u32>);

impl Report {
    /// A report that so many shards will fill.
    #[must_use]
    pub fn new(shards: usize) -> (Self, Answers) {
        let (sender, receiver) = mpsc::channel(shards.max(1));
        (Self(sender), Answers(receiver))
    }

    /// A shard's part. There is room for one from each.
    pub fn add(&self, connections: u32) {
        let _full = self.0.try_send(connections);
    }
}

impl Answers {
    /// The sum, once every shard has answered.
    pub async fn total(mut self) -> u32 {
        let mut total = 0;
        while let Some(count) = self.0.recv().await {
            total += count;
        }
        total
    }
}
