//! What a broker says, and what follows from it.

use super::{Allowed, Broken, Happening, MOST_UNDER_WAY, Phase, Reading, Session, reasons};
use crate::codec::{self, Frame, Greeting, Incoming, Malformed, Message, Qos};

/// So often at most is asked whether more is retained: a home in which retained messages are published without a pause
/// would never be read.
const MOST_ROUNDS: u32 = 20;

impl Session {
    /// What happened next in what was received; `None`: nothing more.
    ///
    /// # Errors
    /// The connection can't go on.
    pub fn next(&mut self) -> Result<Option<Happening>, Broken> {
        // The first byte tells: whoever waits for the rest of a web page's "packet" waits for long.
        let first = self.frames.pending().first().map(|byte| byte >> 4);
        if self.memory.phase == Phase::Greeting
            && first.is_some_and(|kind| !matches!(kind, 2 | 14 | 15))
        {
            return Err(Broken("this is no MQTT broker".to_owned()));
        }
        loop {
            let bad_length =
                |_| Broken("a packet's length can't be read: this is no MQTT".to_owned());
            let Some(frame) = self.frames.next().map_err(bad_length)? else {
                return Ok(None);
            };
            let happening = match frame {
                Frame::Whole(first, body) => {
                    match codec::decode(self.settings.version, first, &body) {
                        Ok(packet) => self.take(packet)?,
                        Err(error) => Some(self.malformed(first, &body, &error)?),
                    }
                }
                Frame::Oversized {
                    first,
                    head,
                    length,
                } => Some(self.oversized(first, &head, length)?),
            };
            if happening.is_some() {
                return Ok(happening);
            }
        }
    }

    fn take(&mut self, packet: Incoming) -> Result<Option<Happening>, Broken> {
        match (self.memory.phase, packet) {
            (Phase::Greeting, Incoming::Greeting(greeting)) => Ok(Some(self.greeted(&greeting))),
            (Phase::Up, Incoming::Message(message)) => Ok(self.message(message)),
            (Phase::Up, Incoming::PubAck(id, code)) => Ok(self.confirmed(id, code, Qos::One)),
            (Phase::Up, Incoming::PubRec(id, code)) => Ok(self.taken(id, code)),
            (Phase::Up, Incoming::PubRel(id)) => {
                self.memory.received.remove(&id);
                self.out.extend(codec::pubcomp(id));
                Ok(None)
            }
            (Phase::Up, Incoming::PubComp(id, _)) => Ok(self.confirmed(id, 0, Qos::Two)),
            (Phase::Up, Incoming::SubAck(id, codes)) => Ok(self.subscribed(id, &codes)),
            (Phase::Up, Incoming::Pong) => Ok(self.pong()),
            (_, Incoming::Disconnect(code, words)) => {
                let text = reasons::text(code, words.as_deref());
                Ok(Some(Happening::Ended(reasons::refusal(code), text)))
            }
            (phase, packet) => Err(Broken(format!("{packet:?} in the phase {phase:?}"))),
        }
    }

    fn greeted(&mut self, greeting: &Greeting) -> Happening {
        if greeting.code != 0 {
            let words = greeting.reason.as_deref();
            // The codes of 3.1.1 are others than those of 5, and smaller.
            let code = reasons::of_return_code(greeting.code);
            return Happening::Refused(reasons::refusal(code), reasons::text(code, words));
        }
        let under_way = greeting.receive_maximum.map_or(MOST_UNDER_WAY, usize::from);
        let packet = greeting
            .maximum_packet
            .map_or(usize::MAX, |most| most as usize);
        let memory = &mut self.memory;
        memory.phase = Phase::Up;
        memory.allowed = Allowed {
            under_way: under_way.min(MOST_UNDER_WAY),
            qos: greeting
                .maximum_qos
                .and_then(|q| q.try_into().ok())
                .unwrap_or(Qos::Two),
            retain: greeting.retain_available,
            packet,
        };
        memory.refused.clear();
        memory.reading = Some(Reading::default());
        if greeting.session_present {
            // The broker may have taken these before the link was lost: it is told to go on, or says that it did not.
            let unfinished: Vec<u16> = memory.sending.keys().copied().collect();
            unfinished
                .into_iter()
                .for_each(|id| self.out.extend(codec::pubrel(id)));
        } else {
            memory.received.clear();
            memory.sending.clear();
        }
        let filters = self.memory.filters.clone();
        self.subscribe(&filters);
        if filters.is_empty() {
            self.ping();
        }
        Happening::Greeted {
            resumed: greeting.session_present,
            keep_alive: greeting.keep_alive,
        }
    }

    fn message(&mut self, message: Message) -> Option<Happening> {
        if message.retain
            && let Some(reading) = &mut self.memory.reading
        {
            reading.more = true;
        }
        if let (Qos::Two, Some(id)) = (message.qos, message.id)
            && !self.memory.received.insert(id)
        {
            self.out.extend(codec::publish_ack(id, Qos::Two));
            return None;
        }
        Some(Happening::Message(message))
    }

    /// PUBACK or PUBCOMP.
    fn confirmed(&mut self, id: u16, code: u8, qos: Qos) -> Option<Happening> {
        let sending = self.memory.sending.get(&id)?;
        if sending.qos != qos {
            return None;
        }
        let request = self.memory.sending.remove(&id)?.request?;
        Some(Happening::Delivered(request, outcome(code)))
    }

    /// PUBREC.
    fn taken(&mut self, id: u16, code: u8) -> Option<Happening> {
        if code < 0x80 {
            self.out.extend(codec::pubrel(id));
            return None;
        }
        let request = self.memory.sending.remove(&id)?.request?;
        Some(Happening::Delivered(request, outcome(code)))
    }

    fn subscribed(&mut self, id: u16, codes: &[u8]) -> Option<Happening> {
        let filters = self.memory.asked.remove(&id)?;
        let failed = filters.iter().zip(codes).filter(|(_, code)| **code >= 0x80);
        let failed: Vec<_> = failed
            .map(|(filter, code)| (filter.clone(), reasons::text(*code, None)))
            .collect();
        if self.memory.asked.is_empty() && self.memory.reading.is_some() {
            self.ping();
        }
        let first = failed.first().cloned();
        let count = failed.len();
        self.memory.refused.extend(failed);
        first.map(|(filter, reason)| match count {
            1 => Happening::FilterRefused(filter, reason),
            _ => Happening::FilterRefused(format!("{filter} and {} more", count - 1), reason),
        })
    }

    /// A broker answers in order: what was retained when we subscribed was sent before this, except for what it keeps
    /// back until we acknowledge more.
    fn pong(&mut self) -> Option<Happening> {
        let memory = &mut self.memory;
        memory.pings = memory.pings.saturating_sub(1);
        if memory.pings > 0 || !memory.asked.is_empty() {
            return None;
        }
        let reading = memory.reading.as_mut()?;
        reading.rounds += 1;
        if std::mem::take(&mut reading.more) && reading.rounds < MOST_ROUNDS {
            self.ping();
            return None;
        }
        memory.reading = None;
        Some(Happening::Synced)
    }

    fn malformed(
        &mut self,
        first: u8,
        body: &[u8],
        error: &Malformed,
    ) -> Result<Happening, Broken> {
        if self.memory.phase != Phase::Up {
            return Err(Broken(format!("this is no MQTT broker: {error}")));
        }
        self.wave_through(first, body);
        Ok(Happening::Skipped("malformed packet", error.to_string()))
    }

    fn oversized(&mut self, first: u8, head: &[u8], length: usize) -> Result<Happening, Broken> {
        let name = codec::name_of(first);
        if name != "PUBLISH" || self.memory.phase != Phase::Up {
            return Err(Broken(format!("a {name} of {length} bytes")));
        }
        let topic = self.wave_through(first, head).unwrap_or_default();
        let limit = self.settings.largest;
        let detail = format!("{topic}: {length} bytes, {limit} are taken");
        Ok(Happening::Skipped("message too large", detail))
    }

    /// Acknowledges a message that is skipped: the broker would send it again and again, and others wait behind it.
    fn wave_through(&mut self, first: u8, head: &[u8]) -> Option<String> {
        if codec::name_of(first) != "PUBLISH" {
            return None;
        }
        let (topic, id) = codec::head_of_publish(first, head)?;
        if let Some(id) = id {
            let qos = if first & 4 == 0 { Qos::One } else { Qos::Two };
            self.out.extend(codec::publish_ack(id, qos));
        }
        Some(topic)
    }
}

fn outcome(code: u8) -> Result<(), String> {
    match code {
        0..0x80 => Ok(()),
        _ => Err(reasons::text(code, None)),
    }
}
