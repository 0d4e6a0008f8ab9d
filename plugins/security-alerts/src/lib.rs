//! Alerts from the files of Suricata, Zeek, sshd, fail2ban and a detector; the devices of the neighbour table, and their
//! blocking. See the README beside this crate.
//!
//! ```text
//! LINE     file → feeds (one reader per format) → Record → windows → alerts (the book) → journal → outbox
//! LOOK     timer → look (neighbours, set, names) → devices → outbox
//! MESSAGE  handlers → book, devices, firewall → journal → outbox
//! ```

mod alert;
mod alerts;
mod announce;
mod auth;
mod blocked;
mod causes;
mod clock;
mod config;
mod detected;
mod detector;
mod devices;
mod fail2ban;
mod feeds;
mod finding;
mod firewall;
mod handlers;
mod instant;
mod journal;
mod look;
mod names;
mod neighbours;
mod objects;
mod outbox;
mod status;
mod suricata;
#[cfg(test)]
mod testing;
mod whole;
mod windows;
mod zeek;

use alerts::{Book, Bounds};
use clock::Clock;
use config::{Config, millis};
use detected::Detected;
use devices::{Device, Devices};
use finding::{Bad, Feed};
use hearthgate_plugin::events::SyncState;
use hearthgate_plugin::store::StoreError;
use hearthgate_plugin::{
    Answer, Client, Failure, HostError, Input, Lines, Plugin, Reason, Rejection, Request, Start,
    State, files, timers,
};
use instant::Instant;
use journal::{Disk, HostStore, Journal, Progress};
use outbox::{Outbox, Sent};
use std::collections::BTreeMap;
use std::time::Duration;

/// The form of the state that one instance hands to the next.
const STATE: u32 = 1;
/// Updates are told, and what they say is stored, this often.
const TICK: Duration = Duration::from_secs(2);
/// Ticks between two looks at what is old, and at the figures.
const TICKS_OF_AGE: u64 = 5;

/// The plugin.
struct Security {
    config: Config,
    progress: Progress,
    reader: auth::Reader,
    book: Book,
    devices: Devices,
    names: BTreeMap<String, names::Known>,
    journal: Journal<HostStore>,
    detected: Option<Detected>,
    detector_unsaved: bool,
    detector_waits: bool,
    /// Nobody granted a command that lists the set.
    no_set: bool,
    causes: causes::Causes,
    clock: Clock,
    outbox: Outbox,
    status: status::Status,
    /// Something is not committed.
    dirty: bool,
    /// It must be told at once.
    urgent: bool,
    /// A timer waits for the rate.
    waits: bool,
    sync: Sync,
    ticks: u64,
    actions: u64,
}

/// How far the first telling is. Lines can come before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sync {
    /// Not begun.
    Waits,
    /// What is stored is being told.
    Runs,
    /// It was told.
    Done,
}

impl Plugin for Security {
    type Config = Config;

    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        config.check()?;
        let mut security = Self::load(start, config)?;
        let taken_over = matches!(start.reason, Reason::Upgraded | Reason::Reconfigured);
        for (feed, path) in feeds::followed(&security.config.clone()) {
            let begin = security.config.start;
            feeds::follow(feed, path, begin, taken_over, &mut security.progress)?;
        }
        security.detected = Detected::start(&mut security, taken_over)?;
        if !security.config.names.is_empty() {
            files::watch(&security.config.names)?;
        }
        start.every(TICK, "tick")?;
        start.every(security.config.neighbour_interval, "look")?;
        timers::after(Duration::ZERO, "begin")?;
        security.dirty = true;
        Ok(security)
    }

    fn on_inputs(&mut self, inputs: Vec<Input>) -> Result<(), Failure> {
        let now = Clock::now();
        for input in inputs {
            match input {
                Input::FileLines(lines) => self.on_file(&lines, now),
                Input::FileChanged(path) if path == self.config.names => self.read_names(now),
                Input::FileChanged(path) => match feeds::rotated(&self.config, &path) {
                    Some(feed) => self.causes.count(feed, feeds::UNREADABLE, &path, now),
                    None => self.detector_changed()?,
                },
                Input::Timer((_, tag)) => self.on_tag(&tag, now)?,
                _ => {}
            }
        }
        self.settle(now)
    }

    fn handle(&mut self, client: Client, request: Request) -> Result<Answer, Rejection> {
        let answer = self.answer(client, &request);
        let now = Clock::now();
        // What was done is done, whether or not it can be told now: the next tick tries again.
        if self.settle(now).is_err() {
            self.urgent = true;
        }
        answer
    }

    fn save(&self) -> Result<Option<State>, HostError> {
        State::json(STATE, &self.journal.draft(&self.book, &self.progress)).map(Some)
    }
}

impl Security {
    /// With all that is stored.
    fn load(start: &Start, config: Config) -> Result<Self, Failure> {
        let unavailable = |error: StoreError| {
            let reason = format!("the store can't be read: {error:?}");
            Failure::not_ready(reason, Duration::from_secs(5))
        };
        let (mut journal, stored) =
            Journal::open(HostStore, start.state(STATE)).map_err(unavailable)?;
        let mut devices: Vec<Device> = Vec::new();
        for key in journal.disk().keys("device/").map_err(unavailable)? {
            let bytes = journal.disk().get(&key).map_err(unavailable)?;
            devices.extend(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()));
        }
        let bounds = Bounds {
            alerts: config.history_alerts,
            days: config.history_days,
            clear_after: millis(config.clear_after),
        };
        Ok(Self {
            progress: stored.progress,
            reader: auth::Reader::default(),
            book: Book::new(bounds, stored.alerts, stored.next, stored.carried),
            devices: Devices::new(config.max_devices, devices),
            names: BTreeMap::new(),
            journal,
            detected: None,
            detector_unsaved: false,
            detector_waits: false,
            no_set: false,
            causes: causes::Causes::default(),
            clock: Clock::new(),
            outbox: Outbox::default(),
            status: status::Status::new(),
            dirty: false,
            urgent: false,
            waits: false,
            sync: Sync::Waits,
            ticks: 0,
            actions: 0,
            config,
        })
    }

    fn on_file(&mut self, lines: &Lines, now: Instant) {
        if lines.path == self.config.detector {
            return self.take_detector_lines(lines, now);
        }
        let feed = feeds::followed(&self.config)
            .into_iter()
            .find(|(_, path)| *path == lines.path);
        if let Some(feed) = feed.map(|(feed, _)| feed) {
            self.take_lines(feed, lines, now);
        }
    }

    fn on_tag(&mut self, tag: &str, now: Instant) -> Result<(), Failure> {
        match tag {
            "begin" => self.begin(now)?,
            "look" => self.look(now),
            "send" => {
                self.waits = false;
                self.urgent = true;
            }
            detected::READ_ON => self.read_detector(now)?,
            _ => self.tick(now),
        }
        Ok(())
    }

    /// The first thing after a start: what is retained is told again, since the gateway may be a new one.
    fn begin(&mut self, now: Instant) -> Result<(), Failure> {
        self.sync = Sync::Runs;
        self.tell_sync(SyncState::Syncing, "reading devices and alerts");
        self.book.retell();
        let known: Vec<String> = self
            .devices
            .all()
            .map(|device| device.mac.clone())
            .collect();
        known.iter().for_each(|mac| self.outbox.device(mac));
        self.read_names(now);
        self.look(now);
        self.detector_changed()?;
        self.tell_status(true);
        (self.dirty, self.urgent) = (true, true);
        Ok(())
    }

    fn tick(&mut self, now: Instant) {
        self.ticks += 1;
        let steady = std::time::Instant::now();
        if self.clock.look(now, steady) {
            let bad = Bad("the clock jumped; nothing is cleared for a while");
            self.causes
                .count(Feed::Itself, bad, &announce::told_at(now), now);
        }
        if self.ticks.is_multiple_of(TICKS_OF_AGE) {
            if self.clock.is_settled(steady) {
                self.book.age(now);
            }
            self.causes.tell(now);
            self.tell_status(true);
        }
        self.urgent = true;
    }

    /// Commits what was taken, tells it, and writes it where it stays.
    fn settle(&mut self, now: Instant) -> Result<(), Failure> {
        if !self.urgent && !self.book.is_urgent() {
            return Ok(());
        }
        self.urgent = false;
        if self.dirty || !self.book.unsaved().is_empty() {
            match self.journal.commit(&mut self.book, &self.progress) {
                Ok(()) => (self.dirty, self.status.store) = (false, true),
                Err(error) => self.store_failed(&error, now),
            }
        }
        self.tell_status(false);
        self.send(now)?;
        if self.status.store
            && let Err(error) = self.journal.write_pages(&mut self.book)
        {
            self.store_failed(&error, now);
        }
        if self.status.store {
            self.note_known(now);
        }
        self.store_devices(now);
        Ok(())
    }

    fn send(&mut self, now: Instant) -> Result<(), Failure> {
        if self.waits {
            return Ok(());
        }
        let departed = self.devices.take_departed();
        for event in departed.iter().flat_map(|mac| announce::farewell(mac)) {
            self.outbox.put(event);
        }
        let causes = &mut self.causes;
        let broken = |feed, bad, example: &str| causes.count(feed, bad, example, now);
        let sent = self.outbox.send(
            &mut self.book,
            &self.devices,
            &self.progress.traffic,
            broken,
        );
        match sent {
            Sent::All if self.sync == Sync::Runs => {
                self.sync = Sync::Done;
                self.tell_sync(SyncState::Completed, "devices and alerts are told");
            }
            Sent::All => {}
            Sent::Later(after) => {
                self.waits = true;
                timers::after(after.max(Duration::from_millis(10)), "send")?;
            }
            Sent::Refused(what) => outbox::tell_refused(&what),
        }
        Ok(())
    }

    /// The store refused: it is told once, and tried again with the next tick.
    pub(crate) fn store_failed(&mut self, error: &StoreError, now: Instant) {
        self.status.store = false;
        self.dirty = true;
        let bad = match error {
            StoreError::Quota(_) => Bad("limits.store is used up"),
            StoreError::InvalidKey => Bad("a key is not valid"),
            StoreError::Unavailable(_) => Bad("the store is away"),
        };
        self.causes
            .count(Feed::Itself, bad, &format!("{error:?}"), now);
    }
}

hearthgate_plugin::plugin!(Security: source, handler);
