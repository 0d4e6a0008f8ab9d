//! `/proc/meminfo` (proc(5)).

use super::percent;

/// Memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memory {
    /// All of it.
    pub total: f64,
    /// What programs could still get.
    pub available: f64,
}

impl Memory {
    /// Percent: total minus available.
    #[must_use]
    pub fn usage(&self) -> Option<f64> {
        percent(self.total - self.available, self.total)
    }
}

/// Reads it. Kernels before 3.14 don't tell what is available; then it is what is free or could be freed at once.
#[must_use]
pub fn parse(text: &str) -> Option<Memory> {
    let kib = |name: &str| -> Option<f64> {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let estimate = || {
        let cached = kib("Buffers").unwrap_or(0.0) + kib("Cached").unwrap_or(0.0);
        Some(kib("MemFree")? + (cached - kib("Shmem").unwrap_or(0.0)).max(0.0))
    };
    let total = kib("MemTotal").filter(|total| *total > 0.0)?;
    let available = kib("MemAvailable").or_else(estimate)?;
    Some(Memory {
        total: total * 1024.0,
        available: available.clamp(0.0, total) * 1024.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(f64, f64, f64)>) {
        let found = parse(text).map(|memory| {
            (
                memory.total,
                memory.available,
                memory.usage().unwrap_or(-1.0),
            )
        });
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn old_and_new_kernels() {
        let kib = 1024.0;
        let new = include_str!("../../fixtures/meminfo-honor.txt");
        check(new, Some((6_291_456.0 * kib, 3_452_580.0 * kib, 45.12)));
        check(
            &new.replace('\n', "\r\n"),
            Some((6_291_456.0 * kib, 3_452_580.0 * kib, 45.12)),
        );
        let old = include_str!("../../fixtures/meminfo-android4-x86.txt");
        let available = 412_324.0 + 67_372.0 + 218_692.0 - 348.0;
        check(old, Some((995_092.0 * kib, available * kib, 29.85)));
    }

    #[test]
    fn what_makes_no_sense_is_none() {
        for none in [
            "",
            "MemTotal: 0 kB\nMemFree: 0 kB\n",
            "MemTotal: 5 kB\n",
            "MemTotal: x kB\nMemAvailable: 1 kB\n",
            "cat: /proc/meminfo: Permission denied\n",
        ] {
            check(none, None);
        }
        check(
            "MemTotal: 4 kB\nMemAvailable: 9 kB\n",
            Some((4096.0, 4096.0, 0.0)),
        );
    }
}
