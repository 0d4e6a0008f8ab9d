//! `/proc/net/dev` (proc(5)): bytes per interface since it is up.

use serde::{Deserialize, Serialize};

/// Interfaces whose traffic is another's too, or goes nowhere: tunnels, the translation of IPv4 (`v4-…`), Qualcomm's carrier
/// of `rmnet_data…`.
const NOT_COUNTED: [&str; 14] = [
    "dummy",
    "ifb",
    "sit",
    "ip6",
    "ip_vti",
    "gre",
    "erspan",
    "tun",
    "tap",
    "v4-",
    "r_rmnet",
    "rmnet_ipa",
    "bond",
    "ipsec",
];

/// What all real interfaces carried, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Received.
    pub received: u64,
    /// Sent.
    pub sent: u64,
}

/// Reads it. None where there is no interface at all: the command failed.
#[must_use]
pub fn parse(text: &str) -> Option<Traffic> {
    let mut found = None;
    for (name, received, sent) in text.lines().filter_map(of_line) {
        let traffic: &mut Traffic = found.get_or_insert_default();
        if name != "lo" && !NOT_COUNTED.iter().any(|prefix| name.starts_with(prefix)) {
            traffic.received = traffic.received.saturating_add(received);
            traffic.sent = traffic.sent.saturating_add(sent);
        }
    }
    found
}

/// `wlan0: 1500000 …` or, where the counter is long, `wlan0:1500000 …`; eight columns received, eight sent.
fn of_line(line: &str) -> Option<(&str, u64, u64)> {
    let (name, counters) = line.split_once(':')?;
    let counters: Vec<&str> = counters.split_whitespace().collect();
    let received = counters.first()?.parse().ok()?;
    let sent = counters.get(8)?.parse().ok()?;
    Some((name.trim(), received, sent))
}

/// Bytes a second between two readings so many milliseconds apart. None over counters that began anew.
#[must_use]
pub fn rates(before: Traffic, after: Traffic, millis: u64) -> Option<(f64, f64)> {
    let rate = |before: u64, after: u64| {
        let bytes = after.checked_sub(before)? as f64;
        (millis > 0).then(|| super::rounded(bytes * 1000.0 / millis as f64))
    };
    Some((
        rate(before.received, after.received)?,
        rate(before.sent, after.sent)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: &str = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  100000    1000    0    0    0     0          0         0   100000    1000    0    0    0     0       0          0
dummy0:       0       0    0    0    0     0          0         0    20107     187    0    0    0     0       0          0
 wlan0: 1500000   12000    0    0    0     0          0         0   500000    4000    0    0    0     0       0          0
  tun0: 800000    6000    0    0    0     0          0         0   200000    1500    0    0    0     0       0          0
rmnet_ipa0: 60000     510    0    0    0     0          0         0    60000     510    0    0    0     0       0          0
rmnet_data0:50000     500    0    0    0     0          0         0    40000     500    0    0    0     0       0          0
";

    #[test]
    fn real_interfaces_are_added_up() {
        let expected = Traffic {
            received: 1_550_000,
            sent: 540_000,
        };
        assert_eq!(parse(PHONE), Some(expected));
        assert_eq!(parse(&PHONE.replace('\n', "\r\n")), Some(expected));
        let alone = "    lo: 5 0 0 0 0 0 0 0 5 0 0 0 0 0 0 0\n";
        assert_eq!(parse(alone), Some(Traffic::default()));
        for none in [
            "",
            "cat: /proc/net/dev: Permission denied\n",
            "wlan0: 1 2 3\n",
            "wlan0: x 0 0 0 0 0 0 0 5\n",
        ] {
            assert_eq!(parse(none), None, "{none}");
        }
    }

    #[test]
    fn rates_are_per_second() {
        let traffic = |received, sent| Traffic { received, sent };
        assert_eq!(
            rates(traffic(1000, 100), traffic(3500, 100), 2500),
            Some((1000.0, 0.0))
        );
        assert_eq!(rates(traffic(1000, 100), traffic(900, 100), 2500), None);
        assert_eq!(rates(traffic(1000, 100), traffic(1000, 100), 0), None);
    }
}
