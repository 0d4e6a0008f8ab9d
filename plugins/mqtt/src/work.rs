//! What the plugin does with what its session says.

use crate::codec::Qos;
use crate::session::{Broken, Happening, Outgoing, Refusal};
use crate::{MOST_BACKLOG, Mqtt};
use hearthgate_plugin::events::{AdapterState, SyncState};
use hearthgate_plugin::log::Level;
use hearthgate_plugin::{Failure, Rejection, log_with, replies};
use serde_json::json;
use std::time::{Duration, Instant};

/// After so many bytes of backlog a link is given up: its events come faster than they can be read.
const OVERFLOW: &str = "more came than could be read";

impl Mqtt {
    /// Reads what was received, as far as there is time and room, publishes it, and answers the broker.
    pub(crate) fn go_on(&mut self) -> Result<(), Failure> {
        loop {
            let wait = self.flush()?;
            if let Some(wait) = wait {
                self.come_again(wait)?;
                break;
            }
            if Instant::now() >= self.until {
                self.come_again(Duration::ZERO)?;
                break;
            }
            if !self.read()? {
                break;
            }
        }
        if self.session.backlog() > MOST_BACKLOG {
            self.mapping
                .problems
                .tell(OVERFLOW, "the link is closed, and everything is read anew");
            self.lost(OVERFLOW)?;
        }
        self.send()
    }

    /// Publishes what waits, and acknowledges it. Returns when to come again, if some has to wait.
    fn flush(&mut self) -> Result<Option<Duration>, Failure> {
        let (safe, wait) = self.outbox.flush(&mut self.mapping.problems);
        for (id, qos) in safe {
            self.session.acknowledge(id, qos);
        }
        self.send()?;
        Ok(wait)
    }

    /// Reads until there is nothing more, no room, or no time. `false`: there is nothing more.
    fn read(&mut self) -> Result<bool, Failure> {
        while !self.outbox.is_full() {
            match self.session.next() {
                Ok(Some(happening)) => self.happened(happening)?,
                Ok(None) => {
                    let wait = self.flush()?;
                    if let Some(wait) = wait {
                        self.come_again(wait)?;
                    }
                    return Ok(false);
                }
                Err(Broken(reason)) => {
                    self.mapping.problems.tell("broken stream", &reason);
                    self.lost(&reason)?;
                    return Ok(false);
                }
            }
            if Instant::now() >= self.until {
                return Ok(true);
            }
        }
        Ok(true)
    }

    fn happened(&mut self, happening: Happening) -> Result<(), Failure> {
        match happening {
            Happening::Greeted {
                resumed,
                keep_alive,
            } => self.greeted(resumed, keep_alive),
            Happening::Refused(refusal, reason) => self.refused(refusal, &reason),
            Happening::Message(message) => {
                let (drafts, wants) = self.mapping.take(&message);
                let acknowledge = message.id.map(|id| (id, message.qos));
                self.outbox.push(drafts, acknowledge);
                for filter in self.session.want(wants) {
                    self.mapping
                        .problems
                        .tell("more topics than there is room for", &filter);
                }
                Ok(())
            }
            Happening::FilterRefused(filter, reason) => {
                log_with(
                    Level::Warn,
                    "the broker refuses a subscription",
                    &[("filter", &filter), ("reason", &reason)],
                );
                self.tell(
                    AdapterState::Connected,
                    Some(format!("may not read {filter}: {reason}")),
                )
            }
            Happening::Synced => self.synced(),
            Happening::Delivered(request, outcome) => {
                match outcome {
                    Ok(()) => replies::message(
                        request,
                        Ok(&json!({"published": true, "confirmed": true})),
                    ),
                    Err(reason) => {
                        replies::message(request, Err::<&(), _>(Rejection::Forbidden(reason)))
                    }
                }
                Ok(())
            }
            Happening::Ended(Refusal::Credential, reason) => {
                self.refused(Refusal::Credential, &reason)
            }
            Happening::Ended(_, reason) => {
                self.lost(&format!("the broker ended the connection: {reason}"))
            }
            Happening::Skipped(cause, detail) => {
                self.mapping.problems.tell(cause, &detail);
                Ok(())
            }
        }
    }

    fn greeted(&mut self, resumed: bool, keep_alive: Option<u16>) -> Result<(), Failure> {
        log_with(
            Level::Info,
            "connected",
            &[
                ("broker", &self.config.broker),
                ("session_resumed", &resumed),
            ],
        );
        self.wire.greeted(keep_alive);
        self.mapping.begin_sync();
        if !self.config.status_topic.is_empty() {
            let birth = Outgoing {
                request: 0,
                topic: &self.config.status_topic,
                payload: b"online",
                qos: Qos::Zero,
                retain: true,
            };
            if self.session.publish(&birth).is_err() {
                self.mapping
                    .problems
                    .tell("status that can't be published", &self.config.status_topic);
            }
        }
        self.tell(AdapterState::Connected, None)?;
        self.tell_sync(SyncState::Syncing, "reading what is retained", 0.0)
    }

    fn synced(&mut self) -> Result<(), Failure> {
        let drafts = self.mapping.end_sync();
        self.outbox.push(drafts, None);
        let refused = self.session.refused().len();
        let result = match refused {
            0 => self.tell_sync(SyncState::Completed, "everything retained was read", 100.0),
            _ => {
                let message =
                    format!("everything retained was read, but for {refused} refused filters");
                self.tell_sync(SyncState::CompletedWithErrors, &message, 100.0)
            }
        };
        result?;
        self.tell(AdapterState::Connected, None)
    }

    /// The broker does not let us in.
    fn refused(&mut self, refusal: Refusal, reason: &str) -> Result<(), Failure> {
        let message = format!("the broker refuses us: {reason}");
        let failure = match refusal {
            Refusal::Credential => Failure::unauthorized(&message),
            Refusal::Version => Failure::misconfigured("version", &message),
            Refusal::ClientId => Failure::misconfigured("client-id", &message),
            Refusal::Passing => return self.lost(&message),
        };
        self.tell(AdapterState::Failed, Some(message))?;
        Err(failure)
    }

    /// The link is gone, or given up: all who wait are told, and it is opened again.
    pub(crate) fn lost(&mut self, reason: &str) -> Result<(), Failure> {
        for request in self.session.lost() {
            let reason = "the link was lost before the broker confirmed".to_owned();
            replies::message(request, Err::<&(), _>(Rejection::Unavailable(reason)));
        }
        self.outbox.lost();
        let wait = self.wire.lost();
        let seconds = wait.as_secs_f64();
        log_with(
            Level::Warn,
            "disconnected",
            &[
                ("broker", &self.config.broker),
                ("reason", &reason),
                ("again_in_seconds", &seconds),
            ],
        );
        self.tell(AdapterState::Disconnected, Some(reason.to_owned()))
    }
}
