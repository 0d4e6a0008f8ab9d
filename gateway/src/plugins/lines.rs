//! The log lines of an instance: escaped, capped, limited in number, with the instance's name as a field.

use crate::event::InstanceName;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::Level;

/// Longest message, in bytes, after which it is cut.
pub const MAX_MESSAGE_BYTES: usize = 4096;
/// Most fields of a line.
const MAX_FIELDS: usize = 16;
/// Most bytes of a printed line that has not ended yet.
const MAX_PARTIAL_BYTES: usize = MAX_MESSAGE_BYTES;

/// The way of an instance's lines into the log.
pub struct Lines {
    instance: InstanceName,
    limiter: Mutex<std::sync::Arc<DefaultDirectRateLimiter>>,
    dropped: AtomicU64,
    dropped_total: metrics::Counter,
    partial: [Mutex<Vec<u8>>; 2],
}

/// Where a guest printed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output: what the author wanted to see while trying something.
    Out,
    /// Standard error: where Python and JavaScript say what they fail at, and Rust that its memory is used up.
    Err,
}

impl Stream {
    fn level(self) -> Level {
        match self {
            Self::Out => Level::DEBUG,
            Self::Err => Level::WARN,
        }
    }
}

impl Lines {
    /// Lines of `instance`, at most so many per second.
    #[must_use]
    pub fn new(instance: &InstanceName, per_second: u32) -> Self {
        Self {
            instance: instance.clone(),
            limiter: Mutex::new(limiter(per_second)),
            dropped: AtomicU64::new(0),
            dropped_total: metrics::counter!("hearthgate_guest_log_lines_dropped_total", "instance" => instance.to_string()),
            partial: Default::default(),
        }
    }

    /// Another limit.
    pub fn limit(&self, per_second: u32) {
        *self.limiter.lock() = limiter(per_second);
    }

    /// Writes a line, or counts it as dropped.
    pub fn write(&self, level: Level, message: &str, fields: &[(String, String)]) {
        if !enabled(level) {
            return;
        }
        let limiter = self.limiter.lock().clone();
        if limiter.check().is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.dropped_total.increment(1);
            return;
        }
        let instance = self.instance.as_str();
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(target: "hearthgate::plugin", instance, dropped, "log lines of a plugin were dropped (limits.log-rate)");
        }
        let message = escape(message, MAX_MESSAGE_BYTES);
        let fields = shown(fields);
        let fields = fields.as_str();
        match level {
            Level::ERROR => {
                tracing::error!(target: "hearthgate::plugin", instance, fields, "{message}")
            }
            Level::WARN => {
                tracing::warn!(target: "hearthgate::plugin", instance, fields, "{message}")
            }
            Level::INFO => {
                tracing::info!(target: "hearthgate::plugin", instance, fields, "{message}")
            }
            Level::DEBUG => {
                tracing::debug!(target: "hearthgate::plugin", instance, fields, "{message}")
            }
            Level::TRACE => {
                tracing::trace!(target: "hearthgate::plugin", instance, fields, "{message}")
            }
        }
    }

    /// Takes what a guest printed; whole lines are logged: output at debug, errors as warnings.
    pub fn printed(&self, stream: Stream, bytes: &[u8]) {
        let mut lines = Vec::new();
        {
            let mut partial = self.partial[stream as usize].lock();
            for piece in bytes.split_inclusive(|b| *b == b'\n') {
                let room = MAX_PARTIAL_BYTES.saturating_sub(partial.len());
                partial.extend_from_slice(&piece[..piece.len().min(room)]);
                if piece.ends_with(b"\n") || partial.len() >= MAX_PARTIAL_BYTES {
                    lines.push(std::mem::take(&mut *partial));
                }
            }
        }
        for line in lines {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end();
            if !text.is_empty() {
                self.write(stream.level(), text, &[]);
            }
        }
    }
}

/// Whether lines of that level are written at all.
#[must_use]
pub fn enabled(level: Level) -> bool {
    match level {
        Level::ERROR => tracing::enabled!(target: "hearthgate::plugin", Level::ERROR),
        Level::WARN => tracing::enabled!(target: "hearthgate::plugin", Level::WARN),
        Level::INFO => tracing::enabled!(target: "hearthgate::plugin", Level::INFO),
        Level::DEBUG => tracing::enabled!(target: "hearthgate::plugin", Level::DEBUG),
        Level::TRACE => tracing::enabled!(target: "hearthgate::plugin", Level::TRACE),
    }
}

fn limiter(per_second: u32) -> std::sync::Arc<DefaultDirectRateLimiter> {
    let rate = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
    std::sync::Arc::new(RateLimiter::direct(Quota::per_second(rate)))
}

fn shown(fields: &[(String, String)]) -> String {
    let mut text = String::new();
    for (key, value) in fields.iter().take(MAX_FIELDS) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&escape(key, 64));
        text.push('=');
        text.push_str(&escape(value, 512));
    }
    text
}

/// Control characters are written as escapes, so that nobody can forge a line or steer a terminal; long text is cut.
#[must_use]
pub fn escape(text: &str, max_bytes: usize) -> String {
    let mut escaped = String::with_capacity(text.len().min(max_bytes) + 8);
    for c in text.chars() {
        if escaped.len() >= max_bytes {
            escaped.push('…');
            break;
        }
        let steers = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || steers {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_can_forge_a_line() {
        for (text, most, expected) in [
            ("plain ünïcode", 64, "plain ünïcode"),
            ("a\n{\"level\":\"error\"}", 64, "a\\n{\"level\":\"error\"}"),
            ("\x1b[31mred\x07", 64, "\\u{1b}[31mred\\u{7}"),
            ("right\u{202e}left", 64, "right\\u{202e}left"),
            ("0123456789", 8, "01234567…"),
        ] {
            assert_eq!(escape(text, most), expected);
        }
    }

    #[test]
    fn a_printed_line_without_end_is_bounded() {
        let lines = Lines::new(&InstanceName::parse("a").expect("a name"), 10);
        for _ in 0..100 {
            lines.printed(Stream::Err, &[b'x'; 1000]);
        }
        assert!(lines.partial[Stream::Err as usize].lock().len() <= MAX_PARTIAL_BYTES);
        assert!(lines.partial[Stream::Out as usize].lock().is_empty());
    }
}
