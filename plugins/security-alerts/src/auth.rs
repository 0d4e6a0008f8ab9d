//! Lines of sshd and PAM in `auth.log`, with the time as rsyslog writes it by either of its forms.
//!
//! One attempt is one failure: where sshd and PAM both tell of it, sshd's line counts. A connection that ends before its
//! user is known to sshd (`Connection closed by authenticating user …`) is a failure where no other line of that process was.

use crate::finding::{Bad, Login, Record};
use crate::instant::{self, Instant, Zone};
use std::collections::VecDeque;

/// Processes whose failures are remembered, so that their end does not count as another.
const REMEMBERED: usize = 256;

/// The reader, with what it remembers of connections.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    counted: VecDeque<u32>,
}

/// A syslog line taken apart.
struct Line<'a> {
    at: Instant,
    program: &'a str,
    process: u32,
    said: &'a str,
}

impl Reader {
    /// Reads a line.
    ///
    /// # Errors
    /// It is no syslog line.
    pub fn read(&mut self, line: &str, now: Instant, zone: Zone) -> Result<Record, Bad> {
        let line = split(line, now, zone)?;
        let login = match line.program {
            "sshd" | "sshd-session" | "sshd-auth" => self.sshd(&line),
            _ => pam(&line),
        };
        Ok(login.map_or(Record::Nothing, Record::Login))
    }

    fn sshd(&mut self, line: &Line<'_>) -> Option<Login> {
        let (said, times) = repeated(line.said);
        let login = |succeeded, user: &str, from: &str| Login {
            service: "sshd".to_owned(),
            from: Some(from.to_owned()),
            user: user.to_owned(),
            succeeded,
            times,
            at: line.at,
        };
        if let Some(rest) = said.strip_prefix("Failed ") {
            let (method, rest) = rest.split_once(" for ")?;
            // The first request of every connection, which asks what there is.
            if method == "none" {
                return None;
            }
            let (user, from) = user_and_address(rest)?;
            self.remember(line.process);
            return Some(login(false, user, from));
        }
        if let Some(rest) = said.strip_prefix("Accepted ") {
            let (user, from) = user_and_address(rest.split_once(" for ")?.1)?;
            return Some(login(true, user, from));
        }
        let (user, from) = closed_early(said)?;
        if self.counted.contains(&line.process) {
            return None;
        }
        Some(login(false, user, from))
    }

    fn remember(&mut self, process: u32) {
        if !self.counted.contains(&process) {
            self.counted.push_back(process);
        }
        if self.counted.len() > REMEMBERED {
            self.counted.pop_front();
        }
    }
}

/// `TIME HOST PROGRAM[PID]: MESSAGE`.
fn split(line: &str, now: Instant, zone: Zone) -> Result<Line<'_>, Bad> {
    let no_line = Bad("a line is none of syslog's");
    let (time, rest) = if line.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        line.split_once(' ').ok_or(no_line)?
    } else {
        line.get(..15).zip(line.get(16..)).ok_or(no_line)?
    };
    let at = instant::parse(time, zone)
        .or_else(|| instant::syslog(time, now, zone))
        .ok_or(Bad("a line has no time"))?;
    let (_host, rest) = rest.trim_start().split_once(' ').ok_or(no_line)?;
    let (tag, said) = rest.split_once(": ").ok_or(no_line)?;
    let (program, process) = match tag.split_once('[') {
        Some((program, process)) => (program, process.trim_end_matches(']').parse().unwrap_or(0)),
        None => (tag, 0),
    };
    Ok(Line {
        at,
        program: program.rsplit('/').next().unwrap_or(program),
        process,
        said: said.trim(),
    })
}

/// `message repeated 3 times: [ … ]`, as rsyslog shortens what repeats.
fn repeated(said: &str) -> (&str, u32) {
    let inner = said.strip_prefix("message repeated ").and_then(|rest| {
        let (times, rest) = rest.split_once(" times: [")?;
        Some((rest.trim().strip_suffix(']')?.trim(), times.parse().ok()?))
    });
    inner.unwrap_or((said, 1))
}

/// `[invalid user ]USER from ADDRESS port N …`. A user's name is the client's to choose, so the address is read from the end.
fn user_and_address(text: &str) -> Option<(&str, &str)> {
    let (before, _port) = text.rsplit_once(" port ")?;
    let (user, address) = before.rsplit_once(" from ")?;
    Some((user.strip_prefix("invalid user ").unwrap_or(user), address))
        .filter(|(_, address)| is_host(address))
}

/// `Connection closed by authenticating user USER ADDRESS port N [preauth]` and its like.
fn closed_early(said: &str) -> Option<(&str, &str)> {
    let said = said.strip_suffix(" [preauth]")?;
    let who = [
        "Connection closed by ",
        "Connection reset by ",
        "Disconnected from ",
    ]
    .iter()
    .find_map(|begin| said.strip_prefix(begin))?;
    let who = ["authenticating user ", "invalid user "]
        .iter()
        .find_map(|begin| who.strip_prefix(begin))?;
    let (before, _port) = who.rsplit_once(" port ")?;
    let (user, address) = before.rsplit_once(' ')?;
    Some((user, address)).filter(|(_, address)| is_host(address))
}

/// `pam_unix(SERVICE:auth): authentication failure; logname= uid=0 … rhost=ADDRESS  user=NAME`, of any service but sshd.
fn pam(line: &Line<'_>) -> Option<Login> {
    let (head, said) = line.said.split_once("): ")?;
    let (module, service) = head.split_once('(')?;
    let service = service.strip_suffix(":auth")?;
    if !module.starts_with("pam_") || service == "sshd" {
        return None;
    }
    let fields = said.strip_prefix("authentication failure;")?;
    let field = |name: &str| {
        let words = fields.split_ascii_whitespace();
        let mut values = words.filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        values.next().filter(|value| !value.is_empty())
    };
    Some(Login {
        service: service.to_owned(),
        from: field("rhost")
            .filter(|host| is_host(host))
            .map(str::to_owned),
        user: field("user").unwrap_or("?").to_owned(),
        succeeded: false,
        times: 1,
        at: line.at,
    })
}

/// Whether a text can be an address or a host's name.
fn is_host(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'-' | b'_' | b'%');
    (1..=255).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
