//! What one instance leaves to the next: a line of JSON, then the bytes that were received and not read.

use crate::codec::{Frames, Skip};
use crate::mapping::Known;
use crate::outbox::Outbox;
use crate::session::{Memory, Session, Settings};
use hearthgate_plugin::{HostError, State};
use serde::{Deserialize, Serialize};

/// The form of the state.
pub const SCHEMA: u32 = 2;
/// More unread bytes than this are not handed over: the next instance connects anew, and the broker sends again what
/// was not acknowledged.
const MOST_UNREAD: usize = 256 * 1024;

#[derive(Serialize)]
struct Leaving<'a> {
    known: &'a Known,
    outbox: &'a Outbox,
    memory: &'a Memory,
    link: Option<LinkLeaving<'a>>,
}

#[derive(Serialize)]
struct LinkLeaving<'a> {
    skip: Option<&'a Skip>,
}

#[derive(Deserialize)]
struct Coming {
    known: Known,
    outbox: Outbox,
    memory: Memory,
    link: Option<LinkComing>,
}

#[derive(Deserialize)]
struct LinkComing {
    skip: Option<Skip>,
}

/// What was left.
#[derive(Default)]
pub struct Left {
    pub known: Known,
    /// Events that the gateway did not take yet.
    pub outbox: Outbox,
    /// The conversation.
    pub session: Option<Session>,
    /// Whether it can go on where its socket is taken over: nothing that was received is missing.
    pub whole: bool,
}

/// Packs it.
///
/// # Errors
/// It can't be JSON.
pub fn pack(session: &Session, outbox: &Outbox, known: &Known) -> Result<State, HostError> {
    let (memory, frames) = session.memory();
    let unread = frames.pending();
    let link = (unread.len() <= MOST_UNREAD).then_some(LinkLeaving {
        skip: frames.skipping(),
    });
    let whole = link.is_some();
    let leaving = Leaving {
        known,
        outbox,
        memory,
        link,
    };
    let mut state = State::json(SCHEMA, &leaving)?;
    state.data.push(b'\n');
    if whole {
        state.data.extend_from_slice(unread);
    }
    Ok(state)
}

/// Unpacks it. `None`: it can't be read.
pub fn unpack(state: &State, settings: Settings) -> Option<Left> {
    if state.schema != SCHEMA {
        return None;
    }
    let end = state.data.iter().position(|byte| *byte == b'\n')?;
    let coming: Coming = serde_json::from_slice(&state.data[..end]).ok()?;
    let whole = coming.link.is_some();
    let frames = match coming.link {
        Some(link) => Frames::resume(settings.largest, &state.data[end + 1..], link.skip),
        None => Frames::new(settings.largest),
    };
    Some(Left {
        known: coming.known,
        outbox: coming.outbox,
        session: Some(Session::resume(settings, coming.memory, frames)),
        whole,
    })
}
