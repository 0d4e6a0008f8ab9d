//! Frames that wait to be read.

use crate::scan::Frame;
use std::collections::VecDeque;

/// Most bytes that wait besides the frame that is being read. A home that sends more than can be published for so long is
/// read anew instead: the newest state of everything is worth more than each one that was.
const MOST_BYTES: usize = 16 << 20;

/// What can be handed to the next instance, in bytes; a frame larger than this is an answer that can be asked for again.
const MOST_HANDED_OVER: usize = 512 << 10;

/// Frames in the order in which they came.
#[derive(Debug, Default)]
pub struct Backlog {
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Backlog {
    /// Takes a frame. `false`: there is no room, and all that waited is gone.
    pub fn push(&mut self, text: String) -> bool {
        // One alone is let in, however large: the gateway has a limit of its own for that.
        if !self.frames.is_empty() && self.bytes + text.len() > MOST_BYTES {
            self.clear();
            return false;
        }
        self.bytes += text.len();
        self.frames.push_back(Frame::new(text));
        true
    }

    /// The frame to be read. Give it back if it is not done.
    pub fn take(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.text.len();
        Some(frame)
    }

    /// Gives a frame back.
    pub fn put_back(&mut self, frame: Frame) {
        self.bytes += frame.text.len();
        self.frames.push_front(frame);
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Drops all; returns how many.
    pub fn clear(&mut self) -> usize {
        self.bytes = 0;
        std::mem::take(&mut self.frames).len()
    }

    /// What can be handed over, and whether that is all.
    pub fn hand_over(&self) -> (Vec<String>, bool) {
        let (mut texts, mut bytes, mut whole) = (Vec::new(), 0, true);
        for frame in &self.frames {
            if frame.text.len() + bytes > MOST_HANDED_OVER {
                whole = false;
                continue;
            }
            if let Some(text) = frame.rest() {
                bytes += text.len();
                texts.push(text);
            }
        }
        (texts, whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_says_when_it_ran_over() {
        let mut backlog = Backlog::default();
        assert!(
            backlog.push("x".repeat(MOST_BYTES + 1)),
            "one alone is let in"
        );
        assert!(!backlog.push("y".to_owned()), "no room");
        assert!(backlog.is_empty(), "all is gone: the home is read anew");
        assert!(backlog.push("{}".to_owned()));
        let frame = backlog.take().expect("a frame");
        backlog.put_back(frame);
        assert_eq!(backlog.clear(), 1);
    }

    #[test]
    fn small_frames_are_handed_over_and_large_ones_are_asked_for_again() {
        let mut backlog = Backlog::default();
        backlog.push("{\"id\":1}".to_owned());
        assert_eq!(backlog.hand_over(), (vec!["{\"id\":1}".to_owned()], true));
        backlog.push("x".repeat(MOST_HANDED_OVER + 1));
        backlog.push("{\"id\":2}".to_owned());
        let (texts, whole) = backlog.hand_over();
        assert_eq!((texts.len(), whole), (2, false));
    }
}
