//! Records in the forms of Zeek's documentation.

use super::*;

const NOTICE_HEADER: &[&str] = &[
    "#separator \\x09",
    "#set_separator\t,",
    "#empty_field\t(empty)",
    "#unset_field\t-",
    "#path\tnotice",
    "#open\t2026-11-20-13-00-00",
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tnote\tmsg\tsub\tsrc\tdst\tp\tn\tactions",
    "#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tenum\tstring\tstring\taddr\taddr\tport\tcount\tset[enum]",
];
const NOTICE: &str = "1795182045.123456\t-\t-\t-\t-\t-\t-\tSSH::Password_Guessing\t192.168.1.66 appears to be guessing SSH passwords (seen in 30 connections).\tSampled servers:  10.0.0.5\\x2c 10.0.0.6\t192.168.1.66\t-\t-\t-\tNotice::ACTION_LOG";
const CONN_HEADER: &str = "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents";
const CONN: &str = "1300475167.096535\tCXWv6p3arKYeMETxOg\t192.168.1.102\t54214\t203.0.113.9\t443\ttcp\tssl\t2.5\t520\t10240\tSF\t-\t-\t0\tShADadFf\t7\t900\t12\t10900\t-";

fn header(lines: &[&str]) -> Header {
    let mut header = Header::default();
    for line in lines {
        assert_eq!(notice(&mut header, line), Ok(Record::Nothing), "{line}");
    }
    header
}

#[test]
fn a_notice_is_read_by_its_header() {
    let mut header = header(NOTICE_HEADER);
    let Ok(Record::Finding(found)) = notice(&mut header, NOTICE) else {
        panic!("no finding")
    };
    assert_eq!(found.key, "zeek:SSH::Password_Guessing:192.168.1.66:");
    assert_eq!(
        (found.at, found.severity),
        (1_795_182_045_123, AlertSeverity::High)
    );
    assert_eq!(found.ip.as_deref(), Some("192.168.1.66"));
    assert_eq!(found.details["sub"], "Sampled servers:  10.0.0.5, 10.0.0.6");
    assert!(
        !found.details.contains_key("uid"),
        "unset: {:?}",
        found.details
    );
}

#[test]
fn a_notice_in_json_says_the_same() {
    let line = r#"{"ts":1795182045.123456,"note":"Scan::Port_Scan","msg":"10.0.0.66 scanned at least 15 unique ports of host 10.0.0.7 in 0m2s","sub":"local","src":"10.0.0.66","dst":"10.0.0.7","actions":["Notice::ACTION_LOG"],"suppress_for":3600.0}"#;
    let Ok(Record::Finding(found)) = notice(&mut Header::default(), line) else {
        panic!("no finding")
    };
    assert_eq!(found.key, "zeek:Scan::Port_Scan:10.0.0.66:10.0.0.7");
    assert_eq!(
        (found.at, found.severity),
        (1_795_182_045_123, AlertSeverity::Medium)
    );
}

#[test]
fn a_connection_tells_its_traffic() {
    let mut header = header(&[CONN_HEADER]);
    let expected = Traffic {
        from: "192.168.1.102".to_owned(),
        to: "203.0.113.9".to_owned(),
        port: 443,
        sent: 520,
        received: 10_240,
        packets: 19,
        refused: false,
        at: 1_300_475_167_097,
    };
    assert_eq!(
        connection(&mut header, CONN),
        Ok(Record::Traffic(expected.clone()))
    );
    let json = r#"{"ts":"2011-03-18T19:06:07.097Z","id.orig_h":"192.168.1.102","id.orig_p":54214,"id.resp_h":"203.0.113.9","id.resp_p":443,"orig_bytes":520,"resp_bytes":10240,"conn_state":"SF","orig_pkts":7,"resp_pkts":12}"#;
    assert_eq!(
        connection(&mut Header::default(), json),
        Ok(Record::Traffic(expected))
    );
    let refused = CONN
        .replace("\tSF\t", "\tREJ\t")
        .replace("\t520\t10240\t", "\t-\t-\t");
    let Ok(Record::Traffic(traffic)) = connection(&mut header, &refused) else {
        panic!("no traffic")
    };
    assert!(traffic.refused);
    assert_eq!((traffic.sent, traffic.received), (0, 0));
}

#[test]
fn a_new_file_s_header_replaces_the_old_one_and_broken_records_say_why() {
    let mut header = header(NOTICE_HEADER);
    let mut check = |line: &str, expected: Result<Record, Bad>| {
        assert_eq!(notice(&mut header, line), expected, "{line}");
    };
    check("#close\t2026-11-20-14-00-00", Ok(Record::Nothing));
    check(
        "1795182045.1\tonly three\tfields",
        Err(Bad("a record has not the header's number of fields")),
    );
    check(
        &NOTICE.replace("1795182045.123456", "-"),
        Err(Bad("a record has no time")),
    );
    check(
        &NOTICE.replace("SSH::Password_Guessing", "-"),
        Err(Bad("a notice has no note")),
    );
    check("{\"ts\":", Err(Bad("a line is no JSON record")));
    check("#separator ,", Ok(Record::Nothing));
    check("1,2", Err(Bad("a record comes before the #fields header")));
    check("#fields,ts,note", Ok(Record::Nothing));
    assert!(matches!(
        notice(&mut header, "1795182045.5,X"),
        Ok(Record::Finding(_))
    ));
    assert_eq!(
        connection(&mut header, "1795182045.5,X"),
        Err(Bad("a connection has no addresses"))
    );
    for text in ["\\x", "\\x4", "\\xzz", "a\\x41b\\x"] {
        unescape(text);
    }
    assert_eq!(unescape("a\\x41b\\xzz"), "aAb\\xzz");
}
