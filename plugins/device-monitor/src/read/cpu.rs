//! `/proc/stat` (proc(5)): how long the processors were busy and idle since the start, in ticks. A share needs two readings.

use super::percent;
use serde::{Deserialize, Serialize};

/// One reading of the first line, all processors together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticks {
    /// Everything.
    pub total: u64,
    /// Idle, and waiting for disks.
    pub idle: u64,
}

/// Reads it.
#[must_use]
pub fn parse(text: &str) -> Option<Ticks> {
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("cpu "))?;
    let fields = line.split_whitespace().map(|field| field.parse().ok());
    // user nice system idle iowait irq softirq steal; what follows (guest) is counted in user already.
    let fields: Vec<u64> = fields.take(8).collect::<Option<_>>()?;
    let idle = *fields.get(3)?;
    let waiting = fields.get(4).copied().unwrap_or(0);
    Some(Ticks {
        total: fields.iter().fold(0, |sum, n| sum.saturating_add(*n)),
        idle: idle.saturating_add(waiting),
    })
}

/// The share of time that was not idle between two readings, in percent. None where no time went by, or where the counters
/// began anew: the device started again.
#[must_use]
pub fn usage(before: Ticks, after: Ticks) -> Option<f64> {
    let total = after.total.checked_sub(before.total).filter(|t| *t > 0)?;
    // The kernel lets idle and iowait run back a little; that is no idle time.
    let idle = after.idle.saturating_sub(before.idle).min(total);
    percent((total - idle) as f64, total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODERN: &str = "cpu  8955653 5338 10313729 6891866013 1194210 0 38962 0 0 0\ncpu0 138803 9 56167 172504763 16187 0 1296 0 0 0\nintr 3 4 5\n";

    #[test]
    fn the_first_line_is_read_in_old_and_new_forms() {
        let ticks = |total, idle| Some(Ticks { total, idle });
        let total = 8_955_653 + 5_338 + 10_313_729 + 6_891_866_013 + 1_194_210 + 38_962;
        assert_eq!(parse(MODERN), ticks(total, 6_891_866_013 + 1_194_210));
        assert_eq!(parse(&MODERN.replace('\n', "\r\n")), parse(MODERN));
        // Linux 2.4 had four fields, 2.6.0 seven.
        assert_eq!(parse("cpu  10 0 20 70\n"), ticks(100, 70));
        assert_eq!(parse("cpu  10 0 20 60 5 4 1\n"), ticks(100, 65));
        for none in [
            "",
            "cpu0 1 2 3 4\n",
            "cpu  1 2 3\n",
            "cpu  1 2 x 4\n",
            "/proc/stat: Permission denied\n",
        ] {
            assert_eq!(parse(none), None, "{none}");
        }
    }

    #[test]
    fn usage_is_between_two_readings() {
        let check = |before: (u64, u64), after: (u64, u64), expected: Option<f64>| {
            let ticks = |(total, idle)| Ticks { total, idle };
            assert_eq!(usage(ticks(before), ticks(after)), expected);
        };
        check((100, 70), (200, 145), Some(25.0));
        check((100, 70), (300, 270), Some(0.0));
        check((100, 70), (103, 71), Some(66.67));
        check((100, 70), (100, 70), None);
        check((100_000, 70_000), (100, 70), None);
        check((100, 70), (200, 60), Some(100.0));
    }
}
