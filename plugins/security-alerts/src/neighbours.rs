//! The table of neighbours: `ip -j neigh` (iproute2's JSON), or `/proc/net/arp`.

use crate::finding::Bad;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Most addresses of one device.
const MOST_ADDRESSES: usize = 8;

/// How a neighbour is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It was there a while ago: STALE, DELAY, PROBE.
    Idle,
    /// It answers: REACHABLE, PERMANENT, NOARP.
    Active,
}

/// A device among the neighbours, with all its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its hardware address, in lower case.
    pub mac: String,
    /// Its addresses, those of IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// The best of its entries.
    pub reach: Reach,
}

#[derive(Deserialize)]
struct Entry {
    dst: String,
    lladdr: Option<String>,
    #[serde(default)]
    state: Vec<String>,
}

/// Reads what `ip -j neigh` writes. Entries without a hardware address, or that failed, are no neighbours.
///
/// # Errors
/// It is no such JSON.
pub fn of_ip(output: &[u8]) -> Result<Vec<Neighbour>, Bad> {
    // Without any neighbour some versions write nothing at all.
    if output.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    let entries: Vec<Entry> = serde_json::from_slice(output)
        .map_err(|_| Bad("the neighbours are no JSON of ip -j neigh"))?;
    let known = entries.into_iter().filter_map(|entry| {
        let reach = entry.state.iter().filter_map(|word| reach(word)).max()?;
        Some((entry.dst.parse().ok()?, mac(&entry.lladdr?)?, reach))
    });
    Ok(by_device(known))
}

fn reach(word: &str) -> Option<Reach> {
    match word {
        "REACHABLE" | "PERMANENT" | "NOARP" => Some(Reach::Active),
        "STALE" | "DELAY" | "PROBE" => Some(Reach::Idle),
        _ => None,
    }
}

/// Reads `/proc/net/arp`: it tells no more than whether an entry is complete (flag 0x2).
///
/// # Errors
/// It has not the header of that table.
pub fn of_arp(text: &str) -> Result<Vec<Neighbour>, Bad> {
    let mut lines = text.lines();
    if !lines
        .next()
        .is_some_and(|head| head.starts_with("IP address"))
    {
        return Err(Bad("the table of neighbours is not that of /proc/net/arp"));
    }
    let known = lines.filter_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (ip, flags, address) = (words.first()?, words.get(2)?, words.get(3)?);
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok()?;
        (flags & 2 != 0).then_some(())?;
        Some((ip.parse().ok()?, mac(address)?, Reach::Active))
    });
    Ok(by_device(known))
}

/// A device's hardware address in lower case; none for those of groups, and for the one that stands for none.
#[must_use]
pub fn mac(text: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|part| u8::from_str_radix(part, 16).ok())
        .collect();
    let bytes = bytes.filter(|bytes| bytes.len() == 6 && text.len() == 17)?;
    let is_one = bytes[0] & 1 == 0 && bytes.iter().any(|byte| *byte != 0);
    is_one.then(|| text.to_ascii_lowercase())
}

fn by_device(known: impl Iterator<Item = (IpAddr, String, Reach)>) -> Vec<Neighbour> {
    let mut devices: BTreeMap<String, Neighbour> = BTreeMap::new();
    for (address, mac, reach) in known {
        let device = devices.entry(mac.clone()).or_insert(Neighbour {
            mac,
            addresses: Vec::new(),
            reach,
        });
        device.reach = device.reach.max(reach);
        if device.addresses.len() < MOST_ADDRESSES {
            device.addresses.push(address);
        }
    }
    let mut devices: Vec<Neighbour> = devices.into_values().collect();
    devices
        .iter_mut()
        .for_each(|device| device.addresses.sort());
    devices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(found: Result<Vec<Neighbour>, Bad>) -> Vec<String> {
        let line = |n: Neighbour| format!("{} {:?} {:?}", n.mac, n.addresses, n.reach);
        match found {
            Ok(found) => found.into_iter().map(line).collect(),
            Err(Bad(why)) => vec![why.to_owned()],
        }
    }

    #[test]
    fn entries_of_iproute2_become_devices() {
        let output = br#"[{"dst":"192.168.1.20","dev":"eth0","lladdr":"AA:bb:cc:00:11:20","state":["REACHABLE"]},
            {"dst":"fe80::1","dev":"eth0","lladdr":"aa:bb:cc:00:11:20","router":null,"state":["STALE"]},
            {"dst":"192.168.1.21","dev":"eth0","lladdr":"aa:bb:cc:00:11:21","state":["DELAY"]},
            {"dst":"192.168.1.22","dev":"eth0","state":["FAILED"]},
            {"dst":"192.168.1.23","dev":"eth0","lladdr":"aa:bb:cc:00:11:23","state":["FAILED"]},
            {"dst":"192.168.1.24","dev":"eth0","lladdr":"00:00:00:00:00:00","state":["PERMANENT"]},
            {"dst":"224.0.0.1","dev":"eth0","lladdr":"01:00:5e:00:00:01","state":["NOARP"]},
            {"dst":"nonsense","dev":"eth0","lladdr":"aa:bb:cc:00:11:25","state":["REACHABLE"]},
            {"dst":"192.168.1.26","dev":"eth0","lladdr":"aa:bb:cc:00:11:26","state":[]}]"#;
        assert_eq!(
            told(of_ip(output)),
            [
                "aa:bb:cc:00:11:20 [192.168.1.20, fe80::1] Active",
                "aa:bb:cc:00:11:21 [192.168.1.21] Idle",
            ]
        );
        assert_eq!(told(of_ip(b"\n")), [""; 0]);
        assert_eq!(told(of_ip(b"[]")), [""; 0]);
        let broken = ["the neighbours are no JSON of ip -j neigh"];
        assert_eq!(told(of_ip(b"192.168.1.1 dev eth0 lladdr ...")), broken);
        assert_eq!(told(of_ip(&output[..90])), broken);
    }

    #[test]
    fn the_kernel_s_table_is_read_too() {
        let table = "IP address       HW type     Flags       HW address            Mask     Device\n\
            192.168.1.20     0x1         0x2         aa:bb:cc:00:11:20     *        eth0\n\
            192.168.1.21     0x1         0x0         00:00:00:00:00:00     *        eth0\n\
            192.168.1.22     0x1         0x6         aa:bb:cc:00:11:22     *        eth0\n\
            broken\n";
        assert_eq!(
            told(of_arp(table)),
            [
                "aa:bb:cc:00:11:20 [192.168.1.20] Active",
                "aa:bb:cc:00:11:22 [192.168.1.22] Active",
            ]
        );
        assert_eq!(
            told(of_arp("")),
            ["the table of neighbours is not that of /proc/net/arp"]
        );
    }
}
