//! Reading the home: the registries and the states, each answer in pieces, and then only what differs is told.

use crate::model::Occasion;
use crate::registry::{Registry, Which};
use crate::session::Asked;
use crate::work::LARGEST_PIECE;
use crate::*;
use hearthgate_plugin::events::SyncState;
use serde_json::json;

/// Entities that one step looks at.
const SOME: usize = 200;

/// Something to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Config,
    Registry(Which),
    /// To be told of the events of the home, from here on: what comes before has no rooms yet.
    Events,
    States,
}

/// An answer that is being read, entry by entry.
#[derive(Debug)]
pub enum Reading {
    Registry(Which, Box<Registry>),
    States(Occasion),
}

/// What is to be done before the next message.
#[derive(Debug)]
pub enum Task {
    /// Hold the entities after this one against the registry.
    Place(Option<String>),
    /// Remove the entities after this one that were not seen.
    Sweep(Option<String>),
    /// Tell of rooms and areas, and that all is done.
    Settle,
}

/// A synchronisation.
#[derive(Debug, Default)]
pub struct Sync {
    /// Home Assistant is starting: what is not there may still come.
    starting: bool,
    /// What could not be read.
    errors: u32,
    /// The progress that was told last.
    told: f64,
}

/// Events besides those of the registries, and whether the home can be told of without: those that a token of no
/// administrator is refused.
const EVENTS: [(&str, bool); 3] = [
    ("state_changed", false),
    ("automation_triggered", true),
    ("call_service", true),
];

impl HomeAssistant {
    /// Logged in: subscribes to what tells of changes, and then reads everything.
    pub fn begin(&mut self) {
        log_with(
            Level::Info,
            "logged in at home assistant",
            &[("url", &self.config.url)],
        );
        self.tell_status(AdapterState::Connected, None);
        let features = json!({"type": "supported_features", "features": {"coalesce_messages": 1}});
        self.ask(Asked::Features, features);
        for which in Which::ALL {
            self.subscribe(which.event(), which == Which::Floors);
        }
        self.synchronise(true);
    }

    /// Reads the home, on a login that has its subscriptions already or `fresh`ly has none.
    pub fn synchronise(&mut self, fresh: bool) {
        self.forget_reading();
        self.sync = Some(Sync::default());
        self.tell_sync(SyncState::Syncing, "reading the registries", 0.0);
        self.plan.push_back(Step::Config);
        self.plan.extend(Which::ALL.map(Step::Registry));
        self.plan.extend(fresh.then_some(Step::Events));
        self.plan.push_back(Step::States);
        self.advance();
    }

    /// Drops what was being read: it will be read anew.
    pub fn forget_reading(&mut self) {
        self.plan.clear();
        self.tasks.clear();
        self.reading = None;
        self.sync = None;
        self.dirty.clear();
        if let Some(session) = self.line.session() {
            session.abandon_reading();
        }
    }

    /// Asks for what comes next.
    pub fn advance(&mut self) {
        while let Some(step) = self.plan.pop_front() {
            match step {
                Step::Config => self.ask_config(),
                Step::Registry(which) => {
                    return self.ask(Asked::Registry(which), json!({"type": which.command()}));
                }
                Step::Events => {
                    EVENTS
                        .iter()
                        .for_each(|(event, optional)| self.subscribe(event, *optional));
                }
                Step::States => {
                    self.model.reading = self.model.reading.wrapping_add(1);
                    return self.ask(Asked::States, json!({"type": "get_states"}));
                }
            }
        }
    }

    pub fn ask_config(&mut self) {
        self.ask(Asked::Config, json!({"type": "get_config"}));
    }

    fn subscribe(&mut self, event: &str, optional: bool) {
        let asked = self
            .line
            .session()
            .map(|session| session.subscribe(event, optional));
        self.insist(asked.transpose());
    }

    fn ask(&mut self, asked: Asked, request: serde_json::Value) {
        let asked = self.line.ask(asked, request);
        self.insist(asked);
    }

    /// A socket that does not take a question of ours is of no use.
    fn insist<T>(&mut self, asked: Result<T, net::NetError>) {
        if let Err(error) = asked
            && self.line.is_up()
            && self.ending.is_none()
        {
            log_with(
                Level::Warn,
                "a request could not be sent",
                &[("reason", &error)],
            );
            self.line.close("a request could not be sent");
        }
    }

    /// The answer to a step of the plan begins; its entries follow.
    pub fn begin_reading(&mut self, asked: Asked) {
        self.reading = match asked {
            Asked::Registry(which) => Some(Reading::Registry(which, Box::default())),
            Asked::States if self.synchronised || self.model.home.len() > 0 => {
                Some(Reading::States(Occasion::Again))
            }
            Asked::States => Some(Reading::States(Occasion::First)),
            _ => None,
        };
    }

    /// All entries were read.
    pub fn end_reading(&mut self) {
        match self.reading.take() {
            Some(Reading::Registry(which, new)) => {
                self.model.registry.replace(which, *new);
                self.registry_done();
            }
            Some(Reading::States(_)) => {
                // While it starts, what is missing is only not there yet.
                if !self.sync.as_ref().is_some_and(|sync| sync.starting) {
                    self.tasks.push_back(Task::Sweep(None));
                }
                self.tasks.push_back(Task::Settle);
            }
            None => {}
        }
    }

    fn registry_done(&mut self) {
        if !matches!(self.plan.front(), Some(Step::Registry(_))) {
            self.tasks.push_back(Task::Place(None));
            if self.plan.is_empty() {
                self.tasks.push_back(Task::Settle);
            }
        }
        self.tell_progress(0.0);
        self.advance();
    }

    /// A step of the plan was refused.
    pub fn step_refused(&mut self, asked: Asked, error: &wire::Error) {
        let Asked::Registry(which) = asked else {
            let message = format!("{}: {}", error.code, error.message);
            self.tell_sync(SyncState::Error, &message, 100.0);
            return self.line.close("the states can't be read");
        };
        // Floors came with 2024.4.
        if !(which == Which::Floors && error.code == "unknown_command") {
            self.model
                .complaints
                .add("a registry that can't be read", which.command());
            if let Some(sync) = &mut self.sync {
                sync.errors += 1;
            }
        }
        self.registry_done();
    }

    /// Whether Home Assistant has started, by its configuration.
    pub fn on_config(&mut self, config: &wire::CoreConfig) {
        let starting = matches!(config.state.as_deref(), Some("NOT_RUNNING" | "STARTING"));
        if let Some(version) = &config.version {
            self.version = Some(version.clone());
        }
        let Some(sync) = &mut self.sync else { return };
        let was = std::mem::replace(&mut sync.starting, starting);
        if starting {
            self.wakes.ask_again();
        } else if was {
            // Now everything is there that will be.
            self.synchronise(false);
        }
    }

    /// One of the tasks, or a piece of it.
    pub fn run(&mut self, task: Task) {
        match task {
            Task::Place(after) => {
                if let Some(last) = self.model.place_some(after.as_deref(), SOME) {
                    self.tasks.push_front(Task::Place(Some(last)));
                }
            }
            Task::Sweep(after) => {
                if let Some(last) = self.model.sweep_some(after.as_deref(), SOME) {
                    self.tasks.push_front(Task::Sweep(Some(last)));
                }
            }
            Task::Settle => {
                self.model.settle();
                self.finish();
            }
        }
    }

    fn finish(&mut self) {
        let Some(sync) = &self.sync else { return };
        if sync.starting {
            return self.tell_sync(SyncState::Syncing, "home assistant is starting", 99.0);
        }
        let (state, message) = match sync.errors {
            0 => (SyncState::Completed, "synchronised"),
            _ => (
                SyncState::CompletedWithErrors,
                "some registries can't be read",
            ),
        };
        self.sync = None;
        self.synchronised = true;
        self.line.established();
        self.tell_sync(state, message, 100.0);
        self.tell_status(AdapterState::Connected, None);
        if !self.dirty.is_empty() {
            self.wakes.settle_after(self.config.registry_delay);
        }
    }

    /// Tells how far the reading has come: the registries are a fifth of it.
    pub fn tell_progress(&mut self, done: f64) {
        let left = self
            .plan
            .iter()
            .filter(|step| matches!(step, Step::Registry(_)))
            .count();
        let Some(sync) = &mut self.sync else { return };
        let (progress, message) = match &self.reading {
            Some(Reading::States(_)) => (20.0 + 79.0 * done, "reading the states"),
            _ => (20.0 - 5.0 * left as f64, "reading the registries"),
        };
        if progress >= sync.told + 10.0 {
            sync.told = progress;
            self.tell_sync(SyncState::Syncing, message, progress.floor());
        }
    }

    /// A registry changed: it is read anew a little later.
    pub fn registry_changed(&mut self, which: Which) {
        self.dirty.insert(which);
        if self.sync.is_none() {
            self.wakes.settle_after(self.config.registry_delay);
        }
    }

    /// Reads what changed.
    pub fn refresh(&mut self) {
        if self.sync.is_some() {
            return;
        }
        if !self.plan.is_empty() || self.reading.is_some() || !self.tasks.is_empty() {
            return self.wakes.settle_after(self.config.registry_delay);
        }
        let dirty = std::mem::take(&mut self.dirty);
        if dirty.is_empty() {
            return self.tasks.push_back(Task::Settle);
        }
        self.plan.extend(dirty.into_iter().map(Step::Registry));
        if self.model.filter.minds_areas() {
            self.plan.push_back(Step::States);
        }
        self.advance();
    }
}

/// Takes an entry of a registry.
pub fn take_entry(model: &mut Model, which: Which, new: &mut Registry, text: &str, full: bool) {
    if full {
        return model
            .complaints
            .add("a registry entry beyond max-entities", text);
    }
    if text.len() > LARGEST_PIECE {
        return model
            .complaints
            .add("a registry entry larger than 1 MiB", text);
    }
    let taken = match which {
        Which::Floors => serde_json::from_str(text).map(|floor| new.add_floor(floor)),
        Which::Areas => serde_json::from_str(text).map(|area| new.add_area(area)),
        Which::Devices => serde_json::from_str(text).map(|device| new.add_device(&device)),
        Which::Entities => serde_json::from_str(text).map(|entity| {
            note_name(model, &entity);
            new.add_entity(&entity);
        }),
    };
    if taken.is_err() {
        model
            .complaints
            .add("a registry entry that does not fit", text);
    }
}

/// Whether an entity that is known goes by another name now.
fn note_name(model: &mut Model, entity: &wire::Entity<'_>) {
    let name = entity.name.as_deref().or(entity.original_name.as_deref());
    let id = &*entity.entity_id;
    if model.home.get(id).is_some() && model.registry.name(id) != name {
        model.renamed.insert(id.to_owned());
    }
}
