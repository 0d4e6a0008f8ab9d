//! Zeek's logs: tab-separated values with a `#fields` header, or one JSON object per line.
//! Format: docs.zeek.org, "Log formats and inspection", `notice.log` and `conn.log`.

use crate::finding::{Bad, Feed, Finding, Record, Traffic, clip, local_side};
use crate::instant::{self, Instant, Zone};
use hearthgate_plugin::events::AlertSeverity;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Most columns of a log.
const MOST_FIELDS: usize = 128;

/// The header of a tab-separated log: it is at the file's beginning only, so it is kept with the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    separator: String,
    unset: String,
    empty: String,
    fields: Vec<String>,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            separator: "\t".to_owned(),
            unset: "-".to_owned(),
            empty: "(empty)".to_owned(),
            fields: Vec::new(),
        }
    }
}

/// One record, whichever form it had.
enum Row<'a> {
    Columns(&'a Header, Vec<&'a str>),
    Json(Map<String, Value>),
}

impl Header {
    /// Takes a line that begins with `#`.
    pub fn directive(&mut self, line: &str) {
        if let Some(coded) = line.strip_prefix("#separator ") {
            *self = Self::default();
            self.separator = unescape(coded.trim()).into_owned();
            return;
        }
        let mut words = line.split(self.separator.as_str());
        let name = words.next().unwrap_or_default();
        match name {
            "#fields" => self.fields = words.take(MOST_FIELDS).map(str::to_owned).collect(),
            "#unset_field" => self.unset = words.next().unwrap_or("-").to_owned(),
            "#empty_field" => self.empty = words.next().unwrap_or("(empty)").to_owned(),
            _ => {}
        }
    }

    fn row<'a>(&'a mut self, line: &'a str) -> Result<Option<Row<'a>>, Bad> {
        if line.starts_with('#') {
            self.directive(line);
            return Ok(None);
        }
        if line.is_empty() {
            return Ok(None);
        }
        if line.starts_with('{') {
            let json = serde_json::from_str(line).map_err(|_| Bad("a line is no JSON record"))?;
            return Ok(Some(Row::Json(json)));
        }
        if self.fields.is_empty() {
            return Err(Bad("a record comes before the #fields header"));
        }
        let columns: Vec<&str> = line
            .split(self.separator.as_str())
            .take(MOST_FIELDS)
            .collect();
        if columns.len() != self.fields.len() {
            return Err(Bad("a record has not the header's number of fields"));
        }
        Ok(Some(Row::Columns(self, columns)))
    }
}

impl Row<'_> {
    /// A field's text; `None` where it is unset, empty or absent.
    fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        match self {
            Row::Columns(header, columns) => {
                let at = header.fields.iter().position(|field| field == name)?;
                let value = columns.get(at)?;
                let given = *value != header.unset && *value != header.empty && !value.is_empty();
                given.then(|| unescape(value))
            }
            Row::Json(object) => match object.get(name)? {
                Value::String(text) if !text.is_empty() => Some(text.into()),
                Value::Number(number) => Some(number.to_string().into()),
                Value::Bool(flag) => Some(flag.to_string().into()),
                _ => None,
            },
        }
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    fn at(&self) -> Option<Instant> {
        let text = self.text("ts")?;
        match text.parse::<f64>() {
            Ok(seconds) => instant::epoch(seconds),
            Err(_) => instant::parse(&text, Zone::default()),
        }
    }
}

/// Reads a line of `notice.log`.
///
/// # Errors
/// It is no record, or one without a time or a note.
pub fn notice(header: &mut Header, line: &str) -> Result<Record, Bad> {
    let Some(row) = header.row(line)? else {
        return Ok(Record::Nothing);
    };
    let at = row.at().ok_or(Bad("a record has no time"))?;
    let note = row.text("note").ok_or(Bad("a notice has no note"))?;
    let either = |one: &str, other: &str| row.text(one).or_else(|| row.text(other));
    let source = either("src", "id.orig_h").unwrap_or_default();
    let destination = either("dst", "id.resp_h").unwrap_or_default();
    let text = row.text("msg").unwrap_or_else(|| note.clone());
    let key = format!("zeek:{note}:{source}:{destination}");
    let reason = match row.text("sub") {
        Some(sub) => format!("{text} ({sub})"),
        None => text.clone().into_owned(),
    };
    let mut finding =
        Finding::new(Feed::ZeekNotice, key, &note, severity(&note), at).told(&text, &reason);
    let device = local_side(&source, &destination);
    finding.ip = (!device.is_empty()).then(|| device.to_owned());
    for name in ["note", "sub", "uid", "proto", "actions", "peer_descr"] {
        finding.detail(name, row.text(name).map(|text| text.into_owned().into()));
    }
    let side = |text: &str| (!text.is_empty()).then(|| Value::from(text));
    finding.detail("src_ip", side(&source));
    finding.detail("dest_ip", side(&destination));
    let port = row.number::<u16>("p").or_else(|| row.number("id.resp_p"));
    finding.detail("dest_port", port.map(Value::from));
    Ok(Record::Finding(Box::new(finding)))
}

/// Reads a line of `conn.log`.
///
/// # Errors
/// It is no record, or one without time or addresses.
pub fn connection(header: &mut Header, line: &str) -> Result<Record, Bad> {
    let Some(row) = header.row(line)? else {
        return Ok(Record::Nothing);
    };
    let at = row.at().ok_or(Bad("a record has no time"))?;
    let address = |name| row.text(name).map(|text| clip(&text, 45));
    let (Some(from), Some(to)) = (address("id.orig_h"), address("id.resp_h")) else {
        return Err(Bad("a connection has no addresses"));
    };
    let state = row.text("conn_state").unwrap_or_default();
    let count = |name: &str| row.number::<u64>(name).unwrap_or(0);
    Ok(Record::Traffic(Traffic {
        from,
        to,
        port: row.number("id.resp_p").unwrap_or(0),
        sent: count("orig_bytes"),
        received: count("resp_bytes"),
        packets: count("orig_pkts").saturating_add(count("resp_pkts")),
        // S0: no answer; REJ: refused; RSTOS0, SH: the originator gave up before one came.
        refused: matches!(&*state, "S0" | "REJ" | "RSTOS0" | "SH"),
        at,
    }))
}

/// Zeek's notices have no severity; these are by what their names say.
fn severity(note: &str) -> AlertSeverity {
    let has = |words: &[&str]| words.iter().any(|word| note.contains(word));
    if has(&["Malware", "Heartbleed", "Exploit", "Backdoor"]) {
        AlertSeverity::Critical
    } else if has(&[
        "Password_Guessing",
        "Intel::",
        "SQL_Injection",
        "Login_By_Password_Guesser",
    ]) {
        AlertSeverity::High
    } else if has(&[
        "Certificate",
        "Too_Few_Buffers",
        "PacketFilter",
        "CaptureLoss",
        "Weak",
    ]) {
        AlertSeverity::Low
    } else {
        AlertSeverity::Medium
    }
}

/// `\xHH` as Zeek writes bytes that would be read as something else.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains("\\x") {
        return text.into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = rest
            .strip_prefix(b"\\x")
            .and_then(|code| std::str::from_utf8(code.get(..2)?).ok())
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[4..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
#[path = "zeek_tests.rs"]
mod tests;
