//! What a connection may, as it changes while the connection is open: who it is, the rules, what was revoked, and the
//! end of its token.

use super::{CloseCode, Number, Worker, slot};
use crate::auth::{Access, Auth, Verified};
use crate::event::{Event, Timestamp};
use crate::protocol::push;
use crate::shard::member::Standing;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Whether one event may be read, by access: connections that may the same share an access, so that one look is enough
/// for all of them.
#[derive(Default)]
pub(super) struct Verdicts {
    last: Option<(usize, bool)>,
    others: FxHashMap<usize, bool>,
}

impl Verdicts {
    /// Another event.
    pub(super) fn begin(&mut self) {
        self.last = None;
        if !self.others.is_empty() {
            self.others.clear();
        }
    }

    /// Whether the event may be read.
    pub(super) fn allows(&mut self, access: &Arc<Access>, event: &Event) -> bool {
        if access.reads_all() {
            return true;
        }
        // An address tells two of them apart while both live, and the connections hold them.
        let address = Arc::as_ptr(access) as usize;
        if let Some((last, verdict)) = self.last
            && last == address
        {
            return verdict;
        }
        let look = || access.may_read(event);
        let verdict = *self.others.entry(address).or_insert_with(look);
        self.last = Some((address, verdict));
        verdict
    }
}

impl Worker {
    pub(super) fn identify(&mut self, number: Number, verified: Verified, access: Arc<Access>) {
        let Some(&slot) = self.slots.get(&number) else {
            return;
        };
        self.members[slot as usize].identify(verified, access);
        match &self.auth {
            // What has changed since the connection asked is not passed over.
            Some(auth) => self.review_one(slot, &auth.clone()),
            None => {
                self.members[slot as usize].purge();
                self.withdraw(slot);
            }
        }
    }

    /// Looks at every connection by the rules, and at what was revoked, as they are now.
    pub(super) fn review(&mut self, auth: &Auth) {
        self.auth = Some(auth.clone());
        let slots: Vec<u32> = self.members.iter().map(|(key, _)| slot(key)).collect();
        for slot in slots {
            self.review_one(slot, auth);
        }
    }

    pub(super) fn review_one(&mut self, slot: u32, auth: &Auth) {
        let member = &mut self.members[slot as usize];
        if let Some(verified) = member.verified()
            && !auth.still_holds(verified)
        {
            self.close_by_server(slot, CloseCode::Revoked);
            return;
        }
        member.access = auth.access(member.identity());
        member.purge();
        self.withdraw(slot);
    }

    /// Ends those subscriptions of a native connection that can match nothing any more, and tells it. A dialect's are
    /// its plugin's to end: it keeps books on them, and what may not be read is not delivered in any case.
    fn withdraw(&mut self, slot: u32) {
        let member = &mut self.members[slot as usize];
        if member.lane != super::Lane::NATIVE || member.access.reads_all() {
            return;
        }
        let index = &mut self.lanes[usize::from(member.lane.0)].index;
        let mut withdrawn = Vec::new();
        let access = member.access.clone();
        member.subscriptions.retain(|(id, key)| {
            let keeps = index.filter(*key).is_some_and(|f| access.could_read(f));
            if !keeps {
                withdrawn.push(*id);
                index.remove(*key);
            }
            keeps
        });
        if withdrawn.is_empty() {
            return;
        }
        member.status.set_subscriptions(member.subscriptions.len());
        member.status.withdraw(&withdrawn);
        for id in withdrawn {
            self.control_at(slot, push::withdrawn(id));
        }
    }

    /// Warns of a token's end, and closes at it. Whether it was closed.
    pub(super) fn judge_token(&mut self, slot: u32, now: Timestamp) -> bool {
        match self.members[slot as usize].standing(now) {
            Standing::Good => false,
            Standing::Expiring(at) => {
                if self.members[slot as usize].lane == super::Lane::NATIVE {
                    self.control_at(slot, push::expiring(at, now));
                }
                false
            }
            Standing::Expired => {
                self.close_by_server(slot, CloseCode::TokenExpired);
                true
            }
        }
    }
}
