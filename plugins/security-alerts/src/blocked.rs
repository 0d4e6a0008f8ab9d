//! What the firewall's set holds: `nft -j list set …`, or one address per line.

use crate::finding::Bad;
use serde_json::Value;
use std::net::IpAddr;

/// The blocked addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocked {
    macs: Vec<String>,
    ranges: Vec<(IpAddr, IpAddr)>,
}

impl Blocked {
    /// Reads what the command wrote.
    ///
    /// # Errors
    /// It is neither nft's JSON with a set in it, nor a list of addresses.
    pub fn read(output: &[u8]) -> Result<Self, Bad> {
        let text = std::str::from_utf8(output).map_err(|_| Bad("the blocked set is no text"))?;
        let mut blocked = Self::default();
        if text.trim_start().starts_with('{') {
            let document: Value =
                serde_json::from_str(text).map_err(|_| Bad("the blocked set is no valid JSON"))?;
            let objects = document.get("nftables").and_then(Value::as_array);
            let sets = objects
                .into_iter()
                .flatten()
                .filter_map(|object| object.get("set"));
            let mut found = false;
            for set in sets {
                found = true;
                let elements = set.get("elem").and_then(Value::as_array);
                for element in elements.into_iter().flatten() {
                    blocked
                        .element(element)
                        .ok_or(Bad("the blocked set has an element of another sort"))?;
                }
            }
            return if found {
                Ok(blocked)
            } else {
                Err(Bad("the answer holds no set"))
            };
        }
        for word in text
            .split([',', '\n', ' ', '\t', '\r'])
            .filter(|word| !word.is_empty())
        {
            blocked
                .address(word)
                .ok_or(Bad("the blocked set is no list of addresses"))?;
        }
        Ok(blocked)
    }

    fn element(&mut self, element: &Value) -> Option<()> {
        match element {
            Value::String(text) => self.address(text),
            Value::Object(object) => {
                // An element with a timeout, a counter or a comment.
                if let Some(inner) = object.get("elem") {
                    return self.element(inner.get("val")?);
                }
                if let Some(prefix) = object.get("prefix") {
                    let address = prefix.get("addr")?.as_str()?.parse().ok()?;
                    let length = u32::try_from(prefix.get("len")?.as_u64()?).ok()?;
                    self.ranges.push(of_prefix(address, length)?);
                    return Some(());
                }
                let range = object.get("range")?.as_array()?;
                let end = |at: usize| range.get(at)?.as_str()?.parse().ok();
                self.ranges.push((end(0)?, end(1)?));
                Some(())
            }
            _ => None,
        }
    }

    fn address(&mut self, text: &str) -> Option<()> {
        if let Some(mac) = crate::neighbours::mac(text) {
            self.macs.push(mac);
            return Some(());
        }
        if let Some((address, length)) = text.split_once('/') {
            self.ranges
                .push(of_prefix(address.parse().ok()?, length.parse().ok()?)?);
            return Some(());
        }
        let address = text.parse().ok()?;
        self.ranges.push((address, address));
        Some(())
    }

    /// Whether an address (of either sort) is in it.
    #[must_use]
    pub fn holds(&self, address: &str) -> bool {
        match address.parse::<IpAddr>() {
            Ok(ip) => self
                .ranges
                .iter()
                .any(|(from, to)| from.is_ipv4() == ip.is_ipv4() && *from <= ip && ip <= *to),
            Err(_) => self
                .macs
                .iter()
                .any(|mac| mac.eq_ignore_ascii_case(address)),
        }
    }
}

/// The first and the last address of a prefix.
fn of_prefix(address: IpAddr, length: u32) -> Option<(IpAddr, IpAddr)> {
    match address {
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(length).unwrap_or(0);
            let bits = u32::from(v4);
            (length <= 32).then(|| {
                (
                    IpAddr::V4((bits & !host).into()),
                    IpAddr::V4((bits | host).into()),
                )
            })
        }
        IpAddr::V6(v6) => {
            let host = u128::MAX.checked_shr(length).unwrap_or(0);
            let bits = u128::from(v6);
            (length <= 128).then(|| {
                (
                    IpAddr::V6((bits & !host).into()),
                    IpAddr::V6((bits | host).into()),
                )
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(elements: &str) -> String {
        format!(
            r#"{{"nftables": [{{"metainfo": {{"version": "1.0.6", "json_schema_version": 1}}}}, {{"set": {{"family": "inet", "name": "malicious_devices", "table": "homefw", "type": "ipv4_addr", "handle": 1{elements}}}}}]}}"#
        )
    }

    #[test]
    fn sets_of_every_form_are_read() {
        let check = |output: &str, inside: &[&str], outside: &[&str]| {
            let blocked = Blocked::read(output.as_bytes()).expect("a set");
            inside
                .iter()
                .for_each(|a| assert!(blocked.holds(a), "{a} in {output}"));
            outside
                .iter()
                .for_each(|a| assert!(!blocked.holds(a), "{a} in {output}"));
        };
        check(&set(""), &[], &["10.0.0.5", "aa:bb:cc:00:11:22"]);
        check(
            &set(r#", "elem": ["10.0.0.5", "10.0.0.7"]"#),
            &["10.0.0.5", "10.0.0.7"],
            &["10.0.0.6"],
        );
        check(
            &set(
                r#", "elem": [{"prefix": {"addr": "10.1.0.0", "len": 16}}, {"range": ["10.2.0.5", "10.2.0.9"]}]"#,
            ),
            &["10.1.0.0", "10.1.255.255", "10.2.0.9"],
            &["10.2.0.4", "10.2.0.10", "::1"],
        );
        check(
            &set(r#", "elem": [{"elem": {"val": "10.0.0.5", "timeout": 3600, "expires": 12}}]"#),
            &["10.0.0.5"],
            &["10.0.0.50"],
        );
        check(
            &set(r#", "elem": ["AA:bb:cc:00:11:22", "2001:db8::1"]"#),
            &["aa:bb:cc:00:11:22", "2001:db8::1"],
            &["2001:db8::2"],
        );
        check(
            "10.0.0.5\n10.0.1.0/24\n",
            &["10.0.0.5", "10.0.1.77"],
            &["10.0.2.1"],
        );
        check("", &[], &["10.0.0.5"]);
    }

    #[test]
    fn what_is_no_set_says_so() {
        for (output, expected) in [
            ("{\"nftables\": [", "the blocked set is no valid JSON"),
            ("{\"nftables\": []}", "the answer holds no set"),
            (
                "Error: No such file or directory",
                "the blocked set is no list of addresses",
            ),
            (
                &set(r#", "elem": [17]"#),
                "the blocked set has an element of another sort",
            ),
            (
                &set(r#", "elem": [{"prefix": {"addr": "10.0.0.0", "len": 99}}]"#),
                "the blocked set has an element of another sort",
            ),
        ] {
            assert_eq!(
                Blocked::read(output.as_bytes()),
                Err(Bad(expected)),
                "{output}"
            );
        }
    }
}
