//! The detector's file: which of its forms it has, and what is new in it.

use crate::config::Begin;
use crate::detector;
use crate::finding::{Bad, Feed};
use crate::instant::Instant;
use crate::journal::Disk;
use crate::objects::Objects;
use crate::whole::{Form, Step, Whole, form};
use crate::{Security, feeds};
use hearthgate_plugin::{Failure, Lines, files, timers};
use std::time::Duration;

/// Where the objects of the last whole reading are stored.
const KNOWN: &str = "detector/known";
/// The tag of the timer that reads on.
pub const READ_ON: &str = "detector";
/// Bytes that tell the form.
const HEAD: u32 = 64 * 1024;

/// How the detector's file is read.
#[derive(Debug)]
pub struct Detected {
    path: String,
    reading: Reading,
    /// What was there at the first start is known, and raises nothing.
    first: bool,
}

#[derive(Debug)]
enum Reading {
    /// It was empty so far.
    Undecided,
    Whole(Whole),
    /// With what was in it while it was read as a whole.
    Lines(Objects, Whole),
}

impl Detected {
    /// Begins to watch it.
    ///
    /// # Errors
    /// It is not granted.
    pub fn start(security: &mut Security, taken_over: bool) -> Result<Option<Self>, Failure> {
        let path = security.config.detector.clone();
        if path.is_empty() {
            return Ok(None);
        }
        files::watch(&path)?;
        let begun = security.progress.begun.get(&Feed::Detector);
        let known = begun.is_some_and(|begun| begun.path == path);
        let mut detected = Self {
            path,
            reading: Reading::Undecided,
            first: !known,
        };
        if known && security.progress.cursors.contains_key(&Feed::Detector) {
            detected.follow(security, taken_over)?;
        }
        Ok(Some(detected))
    }

    fn follow(&mut self, security: &mut Security, taken_over: bool) -> Result<(), Failure> {
        let begin = security.config.start;
        feeds::follow(
            Feed::Detector,
            &self.path,
            begin,
            taken_over,
            &mut security.progress,
        )?;
        // A cursor, also one of nothing, says that it is followed by lines.
        security.progress.cursors.entry(Feed::Detector).or_default();
        let known = match std::mem::replace(&mut self.reading, Reading::Undecided) {
            Reading::Whole(whole) => whole,
            _ => Whole::default(),
        };
        self.reading = Reading::Lines(Objects::default(), known);
        Ok(())
    }
}

impl Security {
    /// The file changed, or was never looked at.
    pub(crate) fn detector_changed(&mut self) -> Result<(), Failure> {
        let Some(mut detected) = self.detected.take() else {
            return Ok(());
        };
        let done = self.look_at(&mut detected);
        let reads_on = matches!(&detected.reading, Reading::Whole(whole) if whole.is_reading());
        self.detected = Some(detected);
        if reads_on {
            self.read_on()?;
        }
        done
    }

    fn look_at(&mut self, detected: &mut Detected) -> Result<(), Failure> {
        let head = files::read(&detected.path, 0, HEAD).unwrap_or_default();
        match (form(&head), &mut detected.reading) {
            (Form::Empty, _) => {
                // Whatever comes now was not there at the first start.
                detected.begin(self, false);
            }
            (Form::Whole, Reading::Whole(whole)) => whole.changed(),
            (Form::Lines, Reading::Lines(..)) => {}
            (Form::Whole, _) => {
                self.progress.cursors.remove(&Feed::Detector);
                let stored = self.journal.disk().get(KNOWN).ok().flatten();
                let mut whole = Whole::new(&stored.unwrap_or_default());
                whole.changed();
                detected.reading = Reading::Whole(whole);
            }
            (Form::Lines, _) => {
                // What it held at the first start is left out; what comes of another form is read whole.
                let skipped = detected.first && self.config.start == Begin::End;
                detected.begin(self, skipped);
                if let Some(begun) = self.progress.begun.get_mut(&Feed::Detector) {
                    begun.skipped = skipped;
                }
                detected.follow(self, false)?;
            }
        }
        Ok(())
    }

    /// One timer reads on, however often the file changes meanwhile.
    fn read_on(&mut self) -> Result<(), Failure> {
        if !self.detector_waits {
            timers::after(Duration::ZERO, READ_ON)?;
            self.detector_waits = true;
        }
        Ok(())
    }

    /// Reads a piece of a file that is read as a whole.
    pub(crate) fn read_detector(&mut self, now: Instant) -> Result<(), Failure> {
        self.detector_waits = false;
        let Some(mut detected) = self.detected.take() else {
            return Ok(());
        };
        if let Reading::Whole(whole) = &mut detected.reading {
            let mut found = Vec::new();
            let step = whole.step(&detected.path, |object| found.push(object.to_vec()));
            let is_old = detected.first && self.config.start == Begin::End;
            if !is_old {
                found
                    .iter()
                    .for_each(|object| self.take_object(object, now));
            }
            self.after_step(&mut detected, step, found.is_empty(), now)?;
        }
        self.detected = Some(detected);
        Ok(())
    }

    fn after_step(
        &mut self,
        detected: &mut Detected,
        step: Step,
        nothing_new: bool,
        now: Instant,
    ) -> Result<(), Failure> {
        let path = detected.path.clone();
        let Reading::Whole(whole) = &detected.reading else {
            return Ok(());
        };
        if let Step::Failed(bad) = &step {
            self.causes.count(Feed::Detector, *bad, &path, now);
        }
        let reads_on = whole.is_reading();
        if reads_on {
            self.read_on()?;
        }
        self.detector_unsaved |= !nothing_new;
        if reads_on {
            return Ok(());
        }
        // What was there at first is noted before it counts as begun; what was found, only when its alerts are stored.
        if detected.first && self.config.start == Begin::End {
            self.store_known(whole, now);
        }
        self.urgent = true;
        detected.begin(self, true);
        Ok(())
    }

    /// After a commit: notes what is in a file that is read as a whole.
    pub(crate) fn note_known(&mut self, now: Instant) {
        let Some(detected) = self.detected.take_if(|_| self.detector_unsaved) else {
            return;
        };
        if let Reading::Whole(whole) = &detected.reading
            && !whole.is_reading()
        {
            self.store_known(whole, now);
        }
        self.detected = Some(detected);
    }

    fn store_known(&mut self, whole: &Whole, now: Instant) {
        let stored = self.journal.disk().set(KNOWN, &whole.stored());
        self.detector_unsaved = stored.is_err();
        if let Err(error) = stored {
            self.store_failed(&error, now);
        }
    }

    /// Takes lines of a file that is appended to.
    pub(crate) fn take_detector_lines(&mut self, lines: &Lines, now: Instant) {
        let Some(mut detected) = self.detected.take() else {
            return;
        };
        if let Reading::Lines(objects, known) = &mut detected.reading {
            let mut found = Vec::new();
            for line in &lines.lines {
                // A line that ends within its object: what begins at a line's start is another one.
                if objects.is_open() && line.starts_with('{') {
                    *objects = Objects::default();
                    let bad = Bad("an alert is no valid JSON");
                    self.causes.count(Feed::Detector, bad, line, now);
                }
                objects.push(line.as_bytes(), |object| found.push(object.to_vec()));
                objects.push(b"\n", |_| {});
            }
            if std::mem::take(&mut objects.stray) {
                let bad = Bad("the file holds something that is no JSON object");
                self.causes.count(Feed::Detector, bad, "", now);
            }
            found.retain(|object| !known.knows(object));
            found
                .iter()
                .for_each(|object| self.take_object(object, now));
            *self.progress.lines.entry(Feed::Detector).or_default() += lines.lines.len() as u64;
            self.progress
                .cursors
                .insert(Feed::Detector, lines.cursor.clone());
            self.dirty = true;
        }
        self.detected = Some(detected);
    }

    fn take_object(&mut self, object: &[u8], now: Instant) {
        match detector::read(object, self.config.zone()) {
            Ok(finding) => self.take_finding(finding, now),
            Err(bad) => {
                let example = String::from_utf8_lossy(object);
                self.causes.count(Feed::Detector, bad, &example, now);
            }
        }
    }
}

impl Detected {
    /// What was there at the first start is known now.
    fn begin(&mut self, security: &mut Security, skipped: bool) {
        if self.first {
            self.first = false;
            let begun = crate::journal::Begun {
                path: self.path.clone(),
                skipped,
            };
            security.progress.begun.insert(Feed::Detector, begun);
            security.dirty = true;
        }
    }
}
