//! Suricata's `eve.json`: one JSON object per line; those with `event_type` `alert` are findings.
//! Format: docs.suricata.io, "EVE JSON Format".

use crate::finding::{Bad, Feed, Finding, Record, local_side};
use crate::instant::{self, Zone};
use hearthgate_plugin::events::AlertSeverity;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

/// What tells alerts from the many other records.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    event_type: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Eve {
    timestamp: String,
    src_ip: Option<String>,
    src_port: Option<u16>,
    dest_ip: Option<String>,
    dest_port: Option<u16>,
    proto: Option<String>,
    app_proto: Option<String>,
    in_iface: Option<String>,
    flow_id: Option<u64>,
    alert: EveAlert,
}

#[derive(Deserialize)]
struct EveAlert {
    action: Option<String>,
    #[serde(default)]
    gid: u64,
    signature_id: u64,
    #[serde(default)]
    rev: u64,
    #[serde(default)]
    signature: String,
    #[serde(default)]
    category: String,
    severity: Option<u64>,
    #[serde(default)]
    metadata: Value,
}

/// Reads a line.
///
/// # Errors
/// It is no record, or an alert without what makes one.
pub fn read(line: &str, zone: Zone) -> Result<Record, Bad> {
    let head: Head<'_> =
        serde_json::from_str(line).map_err(|_| Bad("a line is no eve.json record"))?;
    if head.event_type != "alert" {
        return Ok(Record::Nothing);
    }
    let eve: Eve = serde_json::from_str(line).map_err(|_| Bad("an alert lacks its fields"))?;
    let at = instant::parse(&eve.timestamp, zone).ok_or(Bad("an alert's timestamp is none"))?;
    let source = eve.src_ip.clone().unwrap_or_default();
    let destination = eve.dest_ip.clone().unwrap_or_default();
    let alert = &eve.alert;
    let key = format!(
        "suricata:{}:{}:{source}:{destination}",
        alert.gid, alert.signature_id
    );
    let kind = if alert.category.is_empty() {
        "Suricata alert"
    } else {
        &alert.category
    };
    let way = match (source.is_empty(), destination.is_empty()) {
        (false, false) => format!("{} from {source} to {destination}", alert.signature),
        _ => alert.signature.clone(),
    };
    let mut finding =
        Finding::new(Feed::Suricata, key, kind, severity(alert), at).told(&alert.signature, &way);
    let device = local_side(&source, &destination);
    finding.ip = (!device.is_empty()).then(|| device.to_owned());
    finding.action_taken.clone_from(&alert.action);
    finding.detail("signature_id", Some(alert.signature_id.into()));
    finding.detail("gid", Some(alert.gid.into()));
    finding.detail("rev", Some(alert.rev.into()));
    finding.detail("signature", Some(alert.signature.clone().into()));
    finding.detail("src_ip", eve.src_ip.map(Value::from));
    finding.detail("src_port", eve.src_port.map(Value::from));
    finding.detail("dest_ip", eve.dest_ip.map(Value::from));
    finding.detail("dest_port", eve.dest_port.map(Value::from));
    finding.detail("proto", eve.proto.map(Value::from));
    finding.detail("app_proto", eve.app_proto.map(Value::from));
    finding.detail("in_iface", eve.in_iface.map(Value::from));
    finding.detail("flow_id", eve.flow_id.map(Value::from));
    Ok(Record::Finding(Box::new(finding)))
}

/// 1 is the worst in Suricata; rules of Emerging Threats say more in their metadata.
fn severity(alert: &EveAlert) -> AlertSeverity {
    let told = alert.metadata.get("signature_severity");
    let told = told.and_then(|value| value.as_str().or_else(|| value.get(0)?.as_str()));
    if told.is_some_and(|told| told.eq_ignore_ascii_case("critical")) {
        return AlertSeverity::Critical;
    }
    match alert.severity {
        Some(0 | 1) => AlertSeverity::High,
        Some(2) => AlertSeverity::Medium,
        Some(_) => AlertSeverity::Low,
        None => AlertSeverity::Medium,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in Suricata's documentation of the alert event.
    const ALERT: &str = r#"{"timestamp":"2017-04-07T22:24:37.251547+0100","flow_id":586497171462735,"pcap_cnt":53381,"event_type":"alert","src_ip":"192.168.2.14","src_port":50096,"dest_ip":"209.53.113.5","dest_port":80,"proto":"TCP","metadata":{"flowbits":["http.dottedquadhost"]},"tx_id":4,"alert":{"action":"allowed","gid":1,"signature_id":2018358,"rev":10,"signature":"ET HUNTING GENERIC SUSPICIOUS POST to Dotted Quad with Fake Browser 1","category":"Potentially Bad Traffic","severity":2},"app_proto":"http"}"#;

    fn finding(line: &str) -> Finding {
        match read(line, Zone::default()) {
            Ok(Record::Finding(finding)) => *finding,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_documented_alert_is_read_whole() {
        let found = finding(ALERT);
        assert_eq!(found.key, "suricata:1:2018358:192.168.2.14:209.53.113.5");
        assert_eq!(found.severity, AlertSeverity::Medium);
        assert_eq!(
            Some(found.at),
            instant::parse("2017-04-07T21:24:37.251Z", Zone::default())
        );
        assert_eq!(found.ip.as_deref(), Some("192.168.2.14"));
        assert_eq!(found.kind, "Potentially Bad Traffic");
        assert_eq!(found.action_taken.as_deref(), Some("allowed"));
        assert_eq!(found.details["signature_id"], 2_018_358);
        assert_eq!(found.details["dest_port"], 80);
    }

    #[test]
    fn severities_are_mapped_and_the_home_s_side_is_the_device() {
        for (from, to, expected) in [
            ("\"severity\":2", "\"severity\":1", AlertSeverity::High),
            ("\"severity\":2", "\"severity\":3", AlertSeverity::Low),
            ("\"severity\":2", "\"severity\":255", AlertSeverity::Low),
            (",\"severity\":2", "", AlertSeverity::Medium),
            (
                "\"severity\":2",
                r#""severity":2,"metadata":{"signature_severity":["Critical"]}"#,
                AlertSeverity::Critical,
            ),
        ] {
            assert_eq!(finding(&ALERT.replace(from, to)).severity, expected, "{to}");
        }
        let inbound = ALERT
            .replace("\"src_ip\":\"192.168.2.14\"", "\"src_ip\":\"203.0.113.9\"")
            .replace("\"dest_ip\":\"209.53.113.5\"", "\"dest_ip\":\"10.0.0.3\"");
        assert_eq!(finding(&inbound).ip.as_deref(), Some("10.0.0.3"));
    }

    #[test]
    fn other_records_are_nothing_and_broken_ones_say_why() {
        let check = |line: &str, expected: Result<Record, Bad>| {
            assert_eq!(read(line, Zone::default()), expected, "{line}");
        };
        check(
            r#"{"timestamp":"2017-04-07T22:24:37+0100","event_type":"dns","dns":{"type":"query"}}"#,
            Ok(Record::Nothing),
        );
        check("", Err(Bad("a line is no eve.json record")));
        check(&ALERT[..300], Err(Bad("a line is no eve.json record")));
        check("[1]", Err(Bad("a line is no eve.json record")));
        check(
            r#"{"event_type":"alert","timestamp":"x"}"#,
            Err(Bad("an alert lacks its fields")),
        );
        check(
            &ALERT.replace("2017-04-07T22", "2017-14-07T22"),
            Err(Bad("an alert's timestamp is none")),
        );
    }
}
