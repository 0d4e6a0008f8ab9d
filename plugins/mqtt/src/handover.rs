//! What one instance leaves to the next: a line of JSON, then the bytes that were received and not read.

use crate::codec::{Frames, Skip};
use crate::mapping::Known;
use crate::outbox::Outbox;
use crate::session::{Memory, Session, Settings};
use hearthgate_plugin::{HostError, State};
use serde::{Deserialize, Serialize};

/// The form of the state.
pub const SCHEMA: u32 = 1;
/// More unread bytes than this are not handed over: the next instance connects anew, and the broker sends again what
/// was not acknowledged.
const MOST_UNREAD: usize = 256 * 1024;

#[derive(Serialize)]
struct Leaving<'a> {
    known: &'a Known,
    link: Option<LinkLeaving<'a>>,
}

#[derive(Serialize)]
struct LinkLeaving<'a> {
    memory: &'a Memory,
    skip: Option<&'a Skip>,
    outbox: &'a Outbox,
}

#[derive(Deserialize)]
struct Coming {
    known: Known,
    link: Option<LinkComing>,
}

#[derive(Deserialize)]
struct LinkComing {
    memory: Memory,
    skip: Option<Skip>,
    outbox: Outbox,
}

/// What was left.
#[derive(Default)]
pub struct Left {
    pub known: Known,
    /// The conversation, if its socket can be taken over.
    pub link: Option<(Session, Outbox)>,
}

/// Packs it.
///
/// # Errors
/// It can't be JSON.
pub fn pack(session: &Session, outbox: &Outbox, known: &Known) -> Result<State, HostError> {
    let (memory, frames) = session.memory();
    let unread = frames.pending();
    let link = (unread.len() <= MOST_UNREAD).then_some(LinkLeaving {
        memory,
        skip: frames.skipping(),
        outbox,
    });
    let whole = link.is_some();
    let mut state = State::json(SCHEMA, &Leaving { known, link })?;
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
    let link = coming.link.map(|link| {
        let frames = Frames::resume(settings.largest, &state.data[end + 1..], link.skip);
        (Session::resume(settings, link.memory, frames), link.outbox)
    });
    Some(Left {
        known: coming.known,
        link,
    })
}
