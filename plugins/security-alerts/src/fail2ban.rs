//! fail2ban's log: bans raise, unbans end.
//!
//! ```text
//! 2024-05-01 12:34:56,789 fail2ban.actions        [1234]: NOTICE  [sshd] Ban 203.0.113.7
//! ```

use crate::finding::{Bad, Feed, Finding, Record};
use crate::instant::{self, Zone};
use hearthgate_plugin::events::AlertSeverity;

/// Reads a line; one that is no record of a ban is nothing: tracebacks and notes have their place in that log.
///
/// # Errors
/// A ban without address or time.
pub fn read(line: &str, zone: Zone) -> Result<Record, Bad> {
    let Some((head, rest)) = line.split_once("]: ") else {
        return Ok(Record::Nothing);
    };
    if !head.contains("fail2ban.actions") {
        return Ok(Record::Nothing);
    }
    let Some((jail, said)) = rest
        .split_once('[')
        .and_then(|(_level, rest)| rest.split_once("] "))
    else {
        return Ok(Record::Nothing);
    };
    let words: Vec<&str> = said.split_ascii_whitespace().collect();
    let (begins, address) = match words[..] {
        ["Ban", address] | ["Restore", "Ban", address] => (true, address),
        ["Increase", "Ban", address, ..] => (true, address),
        ["Unban", address] => (false, address),
        _ => return Ok(Record::Nothing),
    };
    if address.parse::<std::net::IpAddr>().is_err() && !address.contains('/') {
        return Err(Bad("a ban names no address"));
    }
    let time = head.get(..23).ok_or(Bad("a ban tells no time"))?;
    let at = instant::parse(time, zone).ok_or(Bad("a ban tells no time"))?;
    let key = format!("fail2ban:{jail}:{address}");
    if !begins {
        return Ok(Record::Over { key, at });
    }
    let mut finding = Finding::new(Feed::Fail2ban, key, "ban", AlertSeverity::Medium, at).told(
        &format!("{address} was banned ({jail})"),
        &format!("fail2ban banned {address} for failures in the jail {jail}"),
    );
    finding.ip = Some(address.to_owned());
    finding.action_taken = Some("banned by fail2ban".to_owned());
    finding.detail("jail", Some(jail.into()));
    Ok(Record::Finding(Box::new(finding)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_and_unbans_are_told_apart_from_the_rest() {
        let zone = Zone::parse("+02:00").expect("a zone");
        let check = |line: &str, expected: &str| {
            let told = match read(line, zone) {
                Ok(Record::Finding(finding)) => format!("raise {}", finding.key),
                Ok(Record::Over { key, .. }) => format!("end {key}"),
                Ok(Record::Nothing) => "nothing".to_owned(),
                Err(Bad(why)) => why.to_owned(),
                other => format!("{other:?}"),
            };
            assert_eq!(told, expected, "{line}");
        };
        let line =
            |said: &str| format!("2024-05-01 12:34:56,789 fail2ban.actions        [1234]: {said}");
        check(
            &line("NOTICE  [sshd] Ban 203.0.113.7"),
            "raise fail2ban:sshd:203.0.113.7",
        );
        check(
            &line("NOTICE  [sshd] Restore Ban 2001:db8::7"),
            "raise fail2ban:sshd:2001:db8::7",
        );
        check(
            &line(
                "NOTICE  [recidive] Increase Ban 203.0.113.7 (2 # 0:20:00 -> 2024-05-01 12:54:56)",
            ),
            "raise fail2ban:recidive:203.0.113.7",
        );
        check(
            &line("NOTICE  [sshd] Unban 203.0.113.7"),
            "end fail2ban:sshd:203.0.113.7",
        );
        check(
            &line("NOTICE  [sshd] 203.0.113.7 already banned"),
            "nothing",
        );
        check(
            &line("NOTICE  [sshd] Flush ticket(s) with nftables"),
            "nothing",
        );
        check(
            &line("NOTICE  [sshd] Ban somebody"),
            "a ban names no address",
        );
        check(
            "2024-05-01 12:34:55,100 fail2ban.filter         [1234]: INFO    [sshd] Found 203.0.113.7 - 2024-05-01 12:34:55",
            "nothing",
        );
        check("Traceback (most recent call last):", "nothing");
        check(
            "x fail2ban.actions [1]: NOTICE [sshd] Ban 10.0.0.1",
            "a ban tells no time",
        );
        check("", "nothing");
    }

    #[test]
    fn local_times_are_of_the_configured_zone() {
        let line =
            "2024-05-01 12:34:56,789 fail2ban.actions        [1]: NOTICE  [sshd] Ban 10.0.0.9";
        let Ok(Record::Finding(found)) = read(line, Zone::parse("+02:00").expect("a zone")) else {
            panic!("no finding");
        };
        assert_eq!(
            Some(found.at),
            instant::parse("2024-05-01T10:34:56.789Z", Zone::default())
        );
    }
}
