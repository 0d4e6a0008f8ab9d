//! Instants in milliseconds since 1970, and the forms that logs write them in.

use serde_json::Value;

/// Milliseconds since 1970-01-01, UTC.
pub type Instant = i64;

/// A day, in milliseconds.
pub const DAY: i64 = 86_400_000;
/// The year 2100 in milliseconds: what lies behind it is no timestamp.
const LATEST: i64 = 4_102_444_800_000;

/// A zone, as minutes east of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Zone(i32);

impl Zone {
    /// `Z`, `+HH:MM` or `+HHMM`, up to fourteen hours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if matches!(text, "Z" | "z") {
            return Some(Self(0));
        }
        let (sign, digits) = match text.as_bytes().first()? {
            b'+' => (1, &text[1..]),
            b'-' => (-1, &text[1..]),
            _ => return None,
        };
        let digits: String = digits.chars().filter(|c| *c != ':').collect();
        if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (hours, minutes): (i32, i32) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
        let total = hours * 60 + minutes;
        (minutes < 60 && total <= 14 * 60).then_some(Self(sign * total))
    }

    fn to_utc(self, local: Instant) -> Instant {
        local - i64::from(self.0) * 60_000
    }

    fn to_local(self, utc: Instant) -> Instant {
        utc + i64::from(self.0) * 60_000
    }
}

/// `YYYY-MM-DD`, `T` or a space, `HH:MM:SS`, a fraction behind `.` or `,`, and a zone; without one it is `zone`'s.
#[must_use]
pub fn parse(text: &str, zone: Zone) -> Option<Instant> {
    let text = text.trim();
    if !text.is_ascii() || text.len() < 19 {
        return None;
    }
    let bytes = text.as_bytes();
    let fixed = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if fixed.iter().any(|(at, byte)| bytes[*at] != *byte) || !matches!(bytes[10], b'T' | b' ') {
        return None;
    }
    let number = |from: usize, to: usize| digits(&text[from..to]);
    let date = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let clock = clock(number(11, 13)?, number(14, 16)?, number(17, 19)?)?;
    let (millis, rest) = fraction(&text[19..])?;
    let rest = rest.trim_start();
    let zone = if rest.is_empty() {
        zone
    } else {
        Zone::parse(rest)?
    };
    Some(zone.to_utc(day_number(date)? * DAY + clock + millis))
}

/// `Nov 20 13:40:45` or `Nov  2 …`, as syslog has written it since 1983: without a year. It is the one that puts the
/// line nearest before `now`; a day of the future is allowed, for clocks that differ.
#[must_use]
pub fn syslog(text: &str, now: Instant, zone: Zone) -> Option<Instant> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_ascii_whitespace();
    let (month, day, time) = (words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let mut parts = time.split(':').map(digits);
    let clock = clock(parts.next()??, parts.next()??, parts.next()??)?;
    let day = digits(day)?;
    let this_year = civil_year(zone.to_local(now));
    let in_year = |year: i64| Some(zone.to_utc(day_number((year, month, day))? * DAY + clock));
    // The 29th of February is in one year of four only.
    (this_year - 4..=this_year + 1)
        .rev()
        .filter_map(in_year)
        .find(|at| *at <= now.saturating_add(DAY))
}

/// Seconds since 1970 (milliseconds, where the number is too large for seconds), or a text: a number, or a date.
#[must_use]
pub fn of_json(value: &Value, zone: Zone) -> Option<Instant> {
    match value {
        Value::Number(number) => epoch(number.as_f64()?),
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) => epoch(number),
            Err(_) => parse(text, zone),
        },
        _ => None,
    }
}

/// Seconds since 1970, or milliseconds where the number is too large for seconds.
#[must_use]
pub fn epoch(number: f64) -> Option<Instant> {
    let millis = if number > LATEST as f64 / 1000.0 {
        number
    } else {
        number * 1000.0
    };
    (number.is_finite() && millis >= 0.0 && millis < LATEST as f64).then_some(millis.round() as i64)
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn clock(hour: i64, minute: i64, second: i64) -> Option<i64> {
    // A leap second is told as the 60th.
    let valid = hour < 24 && minute < 60 && second <= 60;
    valid.then_some((hour * 3600 + minute * 60 + second) * 1000)
}

/// A fraction of a second as milliseconds, and what follows it.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix(['.', ',']) else {
        return Some((0, text));
    };
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    if end == 0 {
        return None;
    }
    let millis = rest[..end].bytes().chain(*b"00").take(3);
    let millis = millis.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some((millis, &rest[end..]))
}

/// Days since 1970-01-01, by Howard Hinnant's `days_from_civil`; `None` for a date that no calendar has.
fn day_number((year, month, day): (i64, i64, i64)) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..2100).contains(&year) || !(1..=longest).contains(&day) {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted_year / 400, shifted_year % 400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468)
}

fn civil_year(at: Instant) -> i64 {
    let day = at.div_euclid(DAY);
    // A year has 365.2425 days on average, so the guess is off by one at most.
    let guess = 1970 + day * 400 / 146_097;
    let has_begun = |year: &i64| day_number((*year, 1, 1)).is_some_and(|first| first <= day);
    [guess + 1, guess]
        .into_iter()
        .find(has_begun)
        .unwrap_or(guess - 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    /// 2026-11-20T13:40:45Z.
    const NOW: Instant = 1_795_182_045_000;

    #[test]
    fn dates_are_read_in_the_forms_of_logs() {
        let check = |text: &str, expected: Option<Instant>| {
            assert_eq!(
                parse(text, Zone::parse("+01:00").unwrap()),
                expected,
                "{text}"
            );
        };
        check("2026-11-20T13:40:45Z", Some(NOW));
        check("2026-11-20T13:40:45.123456+0000", Some(NOW + 123));
        check("2026-11-20T14:40:45.5+01:00", Some(NOW + 500));
        check("2026-11-20 14:40:45", Some(NOW));
        check("2026-11-20 14:40:45,789", Some(NOW + 789));
        check(
            "2026-11-20T13:40:45.1-0500",
            Some(NOW + 5 * 3_600_000 + 100),
        );
        check("2024-02-29 01:00:00", Some(1_709_164_800_000));
        for none in [
            "2026-02-29 00:00:00",
            "2026-13-01 00:00:00",
            "2026-11-20",
            "2026-11-20T24:00:00Z",
            "2026-11-20T13:40:45.Z",
            "2026-11-20T13:40:45+99:00",
            "yesterday, at noon…",
            "",
        ] {
            check(none, None);
        }
    }

    #[test]
    fn the_year_of_a_syslog_line_is_the_nearest_one() {
        let check = |text: &str, now: Instant, expected: &str| {
            let expected = parse(expected, Zone::default());
            assert_eq!(syslog(text, now, Zone::default()), expected, "{text}");
        };
        check("Nov 20 13:40:45", NOW, "2026-11-20 13:40:45");
        check("Nov  2 00:00:01", NOW, "2026-11-02 00:00:01");
        // A new year: December's lines are the old year's.
        let january = parse("2027-01-01 00:00:05", Zone::default()).unwrap();
        check("Dec 31 23:59:59", january, "2026-12-31 23:59:59");
        // A clock that is a little ahead, over the turn of the year.
        let december = parse("2026-12-31 23:59:58", Zone::default()).unwrap();
        check("Jan  1 00:00:01", december, "2027-01-01 00:00:01");
        check("Feb 29 10:00:00", NOW, "2024-02-29 10:00:00");
        for none in [
            "Nov 31 10:00:00",
            "Nix 1 10:00:00",
            "Nov 20",
            "Nov 20 10:00",
        ] {
            assert_eq!(syslog(none, NOW, Zone::default()), None, "{none}");
        }
    }

    #[test]
    fn json_has_numbers_and_texts() {
        for (value, expected) in [
            (json!(1_795_182_045), Some(NOW)),
            (json!(1_795_182_045.25), Some(NOW + 250)),
            (json!(NOW), Some(NOW)),
            (json!("1795182045"), Some(NOW)),
            (json!("2026-11-20 13:40:45"), Some(NOW)),
            (json!(-5), None),
            (json!(1e300), None),
            (json!("NaN"), None),
            (json!(null), None),
        ] {
            assert_eq!(of_json(&value, Zone::default()), expected, "{value}");
        }
    }

    #[test]
    fn every_day_of_a_century_has_its_year() {
        for year in 1970..2099 {
            let first = day_number((year, 1, 1)).unwrap() * DAY;
            assert_eq!(civil_year(first), year);
            assert_eq!(
                civil_year(first - 1),
                if year == 1970 { 1969 } else { year - 1 }
            );
        }
    }
}
