//! A guest's last words: what it printed as an error, or logged as one, in the call that it trapped in. A trap itself only
//! says `unreachable`; why there was one is in the panic's message, which was written just before.

use super::lines::escape;
use parking_lot::Mutex;
use std::sync::Arc;

/// Most bytes that are kept: the last ones.
const MAX_KEPT: usize = 1024;
/// Most bytes that are shown.
const MAX_SHOWN: usize = 400;

/// The last words of one guest. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words(Arc<Mutex<Vec<u8>>>);

impl Words {
    /// A call begins: what was said before has nothing to do with it.
    pub(super) fn forget(&self) {
        self.0.lock().clear();
    }

    /// The guest prints or logs an error; of much, the end is kept.
    pub(crate) fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.lock();
        let new = &bytes[bytes.len().saturating_sub(MAX_KEPT)..];
        let surplus = (kept.len() + new.len()).saturating_sub(MAX_KEPT);
        kept.drain(..surplus);
        kept.extend_from_slice(new);
    }

    /// What was said in this call, on one line and safe to be shown. `None`: nothing.
    pub(super) fn shown(&self) -> Option<String> {
        let kept = self.0.lock();
        let text = String::from_utf8_lossy(&kept);
        let spoken: Vec<&str> = text
            .lines()
            .map(str::trim)
            // The panic of a plugin without the SDK ends with this advice, which is none for an operator.
            .filter(|line| !line.is_empty() && !line.starts_with("note: run with `RUST_BACKTRACE"))
            .collect();
        (!spoken.is_empty()).then(|| escape(&spoken.join(" "), MAX_SHOWN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_panic_become_one_safe_line() {
        let check = |said: &[&str], shown: Option<&str>| {
            let words = Words::default();
            said.iter().for_each(|said| words.add(said.as_bytes()));
            assert_eq!(words.shown().as_deref(), shown);
        };
        check(&[], None);
        check(&["\n", "  "], None);
        check(
            &[
                "\nthread 'main' panicked at src/lib.rs:1:2:\n",
                "told to\u{1b}[31m trap\nnote: run with `RUST_BACKTRACE=1` for more\n",
            ],
            Some("thread 'main' panicked at src/lib.rs:1:2: told to\\u{1b}[31m trap"),
        );
    }

    #[test]
    fn they_are_bounded_and_the_last_ones_count() {
        let words = Words::default();
        words.add(&vec![b'a'; 1 << 20]);
        for _ in 0..1_000 {
            words.add(b"0123456789");
        }
        assert_eq!(words.0.lock().len(), MAX_KEPT);
        words.add(b"\nthe end");
        assert!(words.0.lock().ends_with(b"\nthe end"));
        assert!(
            words
                .shown()
                .is_some_and(|shown| shown.len() <= MAX_SHOWN + 8)
        );
        words.forget();
        assert_eq!(words.shown(), None);
    }
}
