//! Instants as the shared kinds write them.

use std::time::{SystemTime, UNIX_EPOCH};

/// An instant in RFC 3339, in UTC and with milliseconds, as `last_seen` and its like want it:
/// `2026-11-20T10:00:00.000Z`. What lies before 1970 is told as 1970.
#[must_use]
pub fn rfc3339(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = civil(since.as_secs() / 86_400);
    let (second, millis) = (since.as_secs() % 86_400, since.subsec_millis());
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The date so many days after 1970-01-01, by Howard Hinnant's `civil_from_days`: years begin in March there, so
/// that the leap day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::rfc3339;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn dates_are_those_of_date_1() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.042Z"),
            (951_782_400, "2000-02-29T00:00:00.042Z"),
            (951_868_799, "2000-02-29T23:59:59.042Z"),
            (1_709_251_199, "2024-02-29T23:59:59.042Z"),
            (1_735_689_599, "2024-12-31T23:59:59.042Z"),
            (1_763_632_800, "2025-11-20T10:00:00.042Z"),
            (4_107_542_400, "2100-03-01T00:00:00.042Z"),
        ] {
            let at = UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(42);
            assert_eq!(rfc3339(at), expected);
        }
    }
}
