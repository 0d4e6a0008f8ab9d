//! `df /data`: the partition that apps and users fill. Its form is another in each age of Android.

use super::percent;

/// A file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Storage {
    /// What fits.
    pub total: f64,
    /// What is taken.
    pub used: f64,
    /// What is left.
    pub available: f64,
}

impl Storage {
    /// Percent, as `df` counts it: of what users may fill.
    #[must_use]
    pub fn usage(&self) -> Option<f64> {
        percent(self.used, self.used + self.available)
    }
}

/// Reads it: the file system of `/data`, or of a folder below it, where newer versions mount it again.
#[must_use]
pub fn parse(text: &str) -> Option<Storage> {
    let mut below = None;
    for line in text.lines().map(str::trim) {
        match of_line(line) {
            Some(("/data", storage)) => return Some(storage),
            Some((mount, storage)) if mount.starts_with("/data/") => {
                below = below.or(Some(storage))
            }
            _ => {}
        }
    }
    below
}

fn of_line(line: &str) -> Option<(&str, Storage)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        // Android 7 and later, toybox: device, 1K-blocks (or sizes with a unit), used, available, share, mount point.
        [_, total, used, available, share, mount] if share.ends_with('%') => {
            Some((mount, storage([total, used, available], 1024.0)?))
        }
        // Android 3 to 6, toolbox: mount point, sizes with a unit, block size.
        [mount, total, used, available, block] if block.parse::<u32>().is_ok() => {
            Some((mount, storage([total, used, available], 1.0)?))
        }
        // Android 1 and 2: "/data: 200704K total, 90096K used, 110608K available (block size 4096)".
        [
            mount,
            total,
            "total,",
            used,
            "used,",
            available,
            "available",
            ..,
        ] => Some((
            mount.strip_suffix(':')?,
            storage([total, used, available], 1.0)?,
        )),
        _ => None,
    }
}

fn storage(sizes: [&str; 3], unit: f64) -> Option<Storage> {
    let [total, used, available] = sizes.map(|text| size(text, unit));
    Some(Storage {
        total: total.filter(|total| *total > 0.0)?,
        used: used?,
        available: available?,
    })
}

/// A size: digits with an optional fraction, and a binary unit; without one in `unit`s.
fn size(text: &str, unit: f64) -> Option<f64> {
    let scales = [
        ('K', 1u64 << 10),
        ('M', 1 << 20),
        ('G', 1 << 30),
        ('T', 1 << 40),
    ];
    let scale = scales.iter().find(|(letter, _)| text.ends_with(*letter));
    let (digits, scale) = match scale {
        Some((letter, scale)) => (text.strip_suffix(*letter)?, *scale as f64),
        None => (text, unit),
    };
    let number: f64 = digits.parse().ok()?;
    (number.is_finite() && number >= 0.0).then(|| (number * scale).round())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: f64 = 1_073_741_824.0;

    fn check(text: &str, expected: Option<(f64, f64, f64)>) {
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let found = parse(&text).map(|s| (s.total, s.used, s.available));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn each_age_of_android() {
        let gib = |n: f64| (n * GIB).round();
        check(
            include_str!("../../fixtures/df-android6-so02h.txt"),
            Some((gib(21.9), gib(12.1), gib(9.8))),
        );
        check(
            include_str!("../../fixtures/df-h-android14.txt"),
            Some((24.0 * GIB, 23.0 * GIB, GIB)),
        );
        // The quoted list of the Nexus 5X ends before /data; no other file system is taken for it.
        check(include_str!("../../fixtures/df-android7-nexus5x.txt"), None);
        // The same command for /data alone, in toybox' columns.
        check(
            "Filesystem      1K-blocks    Used Available Use% Mounted on\n/dev/block/dm-2  25669908 9432100  16221424  37% /data\n",
            Some((
                25_669_908.0 * 1024.0,
                9_432_100.0 * 1024.0,
                16_221_424.0 * 1024.0,
            )),
        );
        check(
            "Filesystem       1K-blocks     Used Available Use% Mounted on\n/dev/block/dm-43 114896344 36117636  78647636  32% /data/user/0\n",
            Some((
                114_896_344.0 * 1024.0,
                36_117_636.0 * 1024.0,
                78_647_636.0 * 1024.0,
            )),
        );
        check(
            "/data: 200704K total, 90096K used, 110608K available (block size 4096)\n",
            Some((200_704.0 * 1024.0, 90_096.0 * 1024.0, 110_608.0 * 1024.0)),
        );
    }

    #[test]
    fn the_share_is_of_what_users_may_fill() {
        let storage = Storage {
            total: 110.0,
            used: 25.0,
            available: 75.0,
        };
        assert_eq!(storage.usage(), Some(25.0));
    }

    #[test]
    fn what_is_no_file_system_is_none() {
        for none in [
            "",
            "df: /data: Permission denied\n",
            "/data: Permission denied\n",
            "/dev/x - - - -% /data\n",
            "/dev/x 0 0 0 0% /data\n",
            "/dev/x -5 1 1 1% /data\n",
        ] {
            check(none, None);
        }
    }
}
