//! Who is to be written to at the end of a turn.

use super::Worker;

impl Worker {
    /// Notes that something waits for a connection.
    pub(super) fn touch(&mut self, slot: u32) {
        if let Some(member) = self.members.get_mut(slot as usize)
            && !std::mem::replace(&mut member.touched, true)
        {
            self.touched.push(slot);
        }
    }

    /// Writes to all for whom something waits.
    pub(super) fn flush_touched(&mut self) {
        for slot in self.touched.drain(..) {
            if let Some(member) = self.members.get_mut(slot as usize) {
                member.touched = false;
                let written = &mut self.turn.written;
                member.flush(slot, &mut self.staging, &self.writable, written);
            }
        }
    }
}
