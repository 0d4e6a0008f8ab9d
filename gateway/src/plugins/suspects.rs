//! Inputs that a guest crashed on: tried once more, one by one, and then skipped.

use super::input::{ConnectionId, Input, TimerId};
use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Most fingerprints of poisonous inputs that are remembered.
const MAX_REMEMBERED: usize = 16;
/// An input is skipped after so many crashes.
const MAX_STRIKES: u32 = 2;

/// The inputs under suspicion.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    queue: VecDeque<(Input, u32)>,
    poison: VecDeque<u64>,
    /// Lines that a guest crashed on once: its file is followed anew from the cursor, so they come again by themselves.
    struck: VecDeque<u64>,
}

impl Suspects {
    /// The guest crashed on these; returns how many are given up.
    pub(super) fn blame(&mut self, inputs: Vec<(Input, u32)>) -> usize {
        let mut skipped = 0;
        for (input, strikes) in inputs.into_iter().rev() {
            let print = fingerprint(&input);
            if strikes + 1 < MAX_STRIKES {
                match print {
                    Some(print) if is_of_file(&input) => remember(&mut self.struck, print),
                    _ => self.queue.push_front((input, strikes + 1)),
                }
                continue;
            }
            skipped += 1;
            if let Some(print) = print {
                self.struck.retain(|struck| *struck != print);
                remember(&mut self.poison, print);
            }
        }
        skipped
    }

    /// Whether a guest crashed on these lines before.
    pub(super) fn is_struck(&self, input: &Input) -> bool {
        !self.struck.is_empty()
            && is_of_file(input)
            && fingerprint(input).is_some_and(|f| self.struck.contains(&f))
    }

    /// Lines that come again: to be tried alone.
    pub(super) fn wait_alone(&mut self, input: Input) {
        self.queue.push_back((input, MAX_STRIKES - 1));
    }

    /// Files are followed anew from now on: what is left of them from before comes again from there.
    pub(super) fn forget_files(&mut self) {
        self.queue.retain(|(input, _)| !is_of_file(input));
    }

    /// Inputs that another version crashed on: not their fault.
    pub(super) fn put_back(&mut self, inputs: Vec<(Input, u32)>) {
        for pair in inputs.into_iter().rev() {
            self.queue.push_front(pair);
        }
    }

    /// The next one to be tried alone.
    pub(super) fn pop(&mut self) -> Option<(Input, u32)> {
        self.queue.pop_front()
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether an input with the same content was given up before.
    pub(super) fn is_poison(&self, input: &Input) -> bool {
        !self.poison.is_empty() && fingerprint(input).is_some_and(|f| self.poison.contains(&f))
    }

    /// Another version: nothing is known of it.
    pub(super) fn forget(&mut self) {
        self.poison.clear();
        self.struck.clear();
        for (_, strikes) in &mut self.queue {
            *strikes = 0;
        }
    }
}

/// Whether an input comes from a followed or watched file.
pub(super) fn is_of_file(input: &Input) -> bool {
    matches!(input, Input::FileLines(..) | Input::FileChanged(_))
}

fn remember(prints: &mut VecDeque<u64>, print: u64) {
    prints.push_back(print);
    if prints.len() > MAX_REMEMBERED {
        prints.pop_front();
    }
}

/// Of inputs whose content comes from outside. A tick or a closed socket is never the poison itself.
fn fingerprint(input: &Input) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    match input {
        Input::WsMessages(_, messages) => format!("{messages:?}").hash(&mut hasher),
        Input::TcpData(_, data) => data.hash(&mut hasher),
        Input::FileLines(path, lines, _) => (path, lines).hash(&mut hasher),
        Input::HttpDone(_, Ok(response)) => (response.status, &response.body).hash(&mut hasher),
        _ => return None,
    }
    Some(hasher.finish())
}

/// Sockets and timers that a new guest did not take over: what still arrives from them is dropped.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    connections: HashSet<ConnectionId>,
    timers: HashSet<TimerId>,
}

impl Orphans {
    /// These are nobody's now.
    pub(super) fn add(
        &mut self,
        connections: impl Iterator<Item = ConnectionId>,
        timers: impl Iterator<Item = TimerId>,
    ) {
        self.connections.extend(connections);
        self.timers.extend(timers);
    }

    /// Whether an input comes from one of them.
    pub(super) fn owns(&self, input: &Input) -> bool {
        match input {
            Input::Timer(id, _) => self.timers.contains(id),
            Input::ConnectionOpened(id, _)
            | Input::WsMessages(id, _)
            | Input::TcpData(id, _)
            | Input::ConnectionClosed(id, _)
            | Input::ConnectionFailed(id, _) => self.connections.contains(id),
            _ => false,
        }
    }

    /// The mailbox is empty: nothing of theirs can be in it.
    pub(super) fn forget(&mut self) {
        self.connections.clear();
        self.timers.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Input {
        Input::FileLines("f".to_owned(), vec![text.to_owned()], "c".to_owned())
    }

    fn data(text: &str) -> Input {
        Input::TcpData(ConnectionId(1), text.to_owned().into())
    }

    #[test]
    fn an_input_is_tried_twice_and_then_skipped_for_good() {
        let mut suspects = Suspects::default();
        assert_eq!(suspects.blame(vec![(data("a"), 0), (data("b"), 0)]), 0);
        let (first, strikes) = suspects.pop().expect("the first again");
        assert_eq!((&first, strikes), (&data("a"), 1), "in their order");
        assert_eq!(suspects.blame(vec![(first, strikes)]), 1);
        assert!(suspects.is_poison(&data("a")));
        assert!(!suspects.is_poison(&data("b")));
        assert_eq!(suspects.pop(), Some((data("b"), 1)));
        assert!(suspects.is_empty());
        suspects.forget();
        assert!(!suspects.is_poison(&data("a")), "another version may cope");
    }

    #[test]
    fn lines_come_again_from_their_file_and_are_skipped_all_the_same() {
        let mut suspects = Suspects::default();
        assert_eq!(suspects.blame(vec![(lines("a"), 0), (data("b"), 0)]), 0);
        assert_eq!(suspects.pop(), Some((data("b"), 1)));
        assert!(suspects.is_empty(), "the lines are not given twice");
        assert!(suspects.is_struck(&lines("a")));
        assert!(!suspects.is_struck(&lines("b")));
        suspects.wait_alone(lines("a"));
        let again = suspects.pop().expect("alone");
        assert_eq!(suspects.blame(vec![again]), 1);
        assert!(suspects.is_poison(&lines("a")));
        assert!(!suspects.is_struck(&lines("a")));
    }

    #[test]
    fn what_a_file_left_behind_is_forgotten() {
        let mut suspects = Suspects::default();
        suspects.put_back(vec![(lines("a"), 0), (data("b"), 0)]);
        suspects.forget_files();
        assert_eq!(suspects.pop(), Some((data("b"), 0)));
        assert!(suspects.is_empty());
    }

    #[test]
    fn a_tick_is_never_poison() {
        let mut suspects = Suspects::default();
        let tick = Input::Timer(TimerId(1), "poll".to_owned());
        suspects.blame(vec![(tick.clone(), 1)]);
        assert!(!suspects.is_poison(&tick));
    }

    #[test]
    fn what_nobody_took_over_is_dropped() {
        let mut orphans = Orphans::default();
        orphans.add([ConnectionId(1)].into_iter(), [TimerId(2)].into_iter());
        assert!(orphans.owns(&Input::WsMessages(ConnectionId(1), Vec::new())));
        assert!(!orphans.owns(&Input::WsMessages(ConnectionId(2), Vec::new())));
        assert!(orphans.owns(&Input::Timer(TimerId(2), String::new())));
    }
}
