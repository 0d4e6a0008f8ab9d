//! `dumpsys battery` (AOSP, BatteryService.java, `dumpInternal`).

use super::percent;

/// A battery at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Battery {
    /// Percent.
    pub level: Option<f64>,
    /// Degrees Celsius.
    pub celsius: Option<f64>,
    /// Millivolts.
    pub millivolts: Option<f64>,
    /// In BatteryManager's words: `charging`, `discharging`, `full`, ….
    pub status: Option<&'static str>,
    /// In BatteryManager's words: `good`, `overheat`, ….
    pub health: Option<&'static str>,
    /// What it is charged by: `ac`, `usb`, `wireless`, `dock`; none where it is not.
    pub power: Option<&'static str>,
}

/// Reads it. Vendors add lines of their own, after AOSP's: Samsung an event log that repeats the names with other values,
/// Motorola `mod level`. So names must be whole, and the first one counts.
#[must_use]
pub fn parse(text: &str) -> Battery {
    let lines: Vec<(&str, &str)> = text
        .lines()
        .take_while(|line| !line.trim_start().starts_with('['))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    let find = |name: &str| {
        lines
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| *value)
    };
    let number = |name: &str| find(name)?.parse::<f64>().ok();
    let present = find("present") != Some("false");
    let level = number("level").filter(|level| present && *level >= 0.0);
    let powered = |name: &str| find(name) == Some("true");
    let sources = [
        ("AC powered", "ac"),
        ("USB powered", "usb"),
        ("Wireless powered", "wireless"),
        ("Dock powered", "dock"),
    ];
    Battery {
        level: level.and_then(|level| percent(level, number("scale").unwrap_or(100.0))),
        celsius: number("temperature")
            .map(|tenths| tenths / 10.0)
            .filter(|celsius| (-60.0..=150.0).contains(celsius)),
        millivolts: number("voltage").filter(|voltage| *voltage > 0.0),
        status: number("status").and_then(status),
        health: number("health").and_then(health),
        power: sources
            .iter()
            .find(|(name, _)| powered(name))
            .map(|(_, word)| *word),
    }
}

/// `BatteryManager.BATTERY_STATUS_…`.
fn status(code: f64) -> Option<&'static str> {
    let words = ["unknown", "charging", "discharging", "not charging", "full"];
    word(&words, code)
}

/// `BatteryManager.BATTERY_HEALTH_…`.
fn health(code: f64) -> Option<&'static str> {
    let words = [
        "unknown",
        "good",
        "overheat",
        "dead",
        "over voltage",
        "failure",
        "cold",
    ];
    word(&words, code)
}

fn word(words: &[&'static str], code: f64) -> Option<&'static str> {
    let index = words.iter().zip(1..).find(|(_, n)| f64::from(*n) == code)?;
    Some(index.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Battery) {
        assert_eq!(parse(text), expected, "{text}");
        let crlf = text.replace('\n', "\r\n");
        assert_eq!(parse(&crlf), expected, "with CR LF");
    }

    fn battery(
        level: f64,
        celsius: f64,
        millivolts: f64,
        status: &'static str,
        power: Option<&'static str>,
    ) -> Battery {
        Battery {
            level: Some(level),
            celsius: Some(celsius),
            millivolts: Some(millivolts),
            status: Some(status),
            health: Some("good"),
            power,
        }
    }

    #[test]
    fn each_vendor_and_version() {
        check(
            include_str!("../../fixtures/battery-samsung-2018.txt"),
            battery(84.0, 32.6, 4063.0, "charging", Some("usb")),
        );
        check(
            include_str!("../../fixtures/battery-motorola-mod.txt"),
            battery(100.0, 26.0, 4378.0, "full", Some("usb")),
        );
        check(
            include_str!("../../fixtures/battery-xiaomi-hyperos.txt"),
            battery(100.0, 30.1, 4302.0, "full", Some("usb")),
        );
        check(
            include_str!("../../fixtures/battery-samsung-s24.txt"),
            Battery {
                power: None,
                ..battery(75.0, 35.7, 4156.0, "charging", None)
            },
        );
        // A set-top box that plays a battery: what it says is what is told.
        check(
            include_str!("../../fixtures/battery-tv-box.txt"),
            battery(90.0, 2.6, 13.0, "not charging", None),
        );
    }

    #[test]
    fn what_is_not_told_is_unknown() {
        check("", Battery::default());
        check("Can't find service: battery\n", Battery::default());
        check("  present: false\n  level: 0\n", Battery::default());
        check(
            "  level: x\n  temperature: 99999\n  status: 77\n",
            Battery::default(),
        );
        check(
            "  level: 30\n  scale: 60\n",
            Battery {
                level: Some(50.0),
                ..Battery::default()
            },
        );
        check("  level: 30\n  scale: 0\n", Battery::default());
    }
}
