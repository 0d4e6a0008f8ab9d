//! Lines as OpenSSH, PAM and rsyslog write them.

use super::*;

fn now() -> Instant {
    instant::parse("2026-11-20T14:00:00Z", Zone::default()).expect("a time")
}

/// `service user from times` for a failure, with `!` before it for a login that succeeded.
fn told(reader: &mut Reader, line: &str) -> String {
    match reader.read(line, now(), Zone::default()) {
        Ok(Record::Login(login)) => format!(
            "{}{} {} {} {}",
            if login.succeeded { "!" } else { "" },
            login.service,
            login.user,
            login.from.as_deref().unwrap_or("-"),
            login.times
        ),
        Ok(Record::Nothing) => "nothing".to_owned(),
        Ok(other) => format!("{other:?}"),
        Err(Bad(why)) => why.to_owned(),
    }
}

#[test]
fn lines_of_sshd_and_pam() {
    let mut process = 100;
    let mut check = |said: &str, expected: &str| {
        for head in [
            "Nov 20 13:40:45 hearth ",
            "2026-11-20T13:40:45.123456+00:00 hearth ",
        ] {
            // Each line is of a process of its own, unless it names one.
            process += 1;
            let line = format!("{head}{}", said.replace("PID", &process.to_string()));
            assert_eq!(told(&mut Reader::default(), &line), expected, "{line}");
        }
    };
    check(
        "sshd[PID]: Failed password for root from 203.0.113.7 port 52211 ssh2",
        "sshd root 203.0.113.7 1",
    );
    check(
        "sshd[PID]: Failed password for invalid user admin from 2001:db8::7 port 22 ssh2",
        "sshd admin 2001:db8::7 1",
    );
    check(
        "sshd-session[PID]: Failed publickey for git from 203.0.113.7 port 1 ssh2: RSA SHA256:abc",
        "sshd git 203.0.113.7 1",
    );
    check(
        "sshd[PID]: message repeated 4 times: [ Failed password for root from 203.0.113.7 port 52211 ssh2]",
        "sshd root 203.0.113.7 4",
    );
    check(
        "sshd[PID]: Connection closed by authenticating user root 203.0.113.7 port 5 [preauth]",
        "sshd root 203.0.113.7 1",
    );
    check(
        "sshd[PID]: Disconnected from invalid user test 203.0.113.7 port 5 [preauth]",
        "sshd test 203.0.113.7 1",
    );
    check(
        "sshd[PID]: Accepted publickey for ann from 192.168.1.9 port 4 ssh2: ED25519 SHA256:x",
        "!sshd ann 192.168.1.9 1",
    );
    check(
        "vsftpd: pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=bob rhost=198.51.100.4  user=bob",
        "vsftpd bob 198.51.100.4 1",
    );
    check(
        "sudo: pam_unix(sudo:auth): authentication failure; logname=ann uid=1000 euid=0 tty=/dev/pts/0 ruser=ann rhost=  user=ann",
        "sudo ann - 1",
    );
    for nothing in [
        "sshd[PID]: Failed none for invalid user admin from 203.0.113.7 port 22 ssh2",
        "sshd[PID]: Invalid user admin from 203.0.113.7 port 22",
        "sshd[PID]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7  user=root",
        "sshd[PID]: PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7  user=root",
        "sshd[PID]: Connection closed by 203.0.113.7 port 5 [preauth]",
        "sshd[PID]: Server listening on 0.0.0.0 port 22.",
        "CRON[PID]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
        "systemd-logind[PID]: New session 5 of user ann.",
    ] {
        check(nothing, "nothing");
    }
}

#[test]
fn a_name_can_not_forge_an_address() {
    let line = "Nov 20 13:40:45 hearth sshd[9]: Failed password for invalid user root from 10.0.0.1 port 1 ssh2 from 203.0.113.7 port 52211 ssh2";
    assert_eq!(
        told(&mut Reader::default(), line),
        "sshd root from 10.0.0.1 port 1 ssh2 203.0.113.7 1"
    );
}

#[test]
fn a_connection_s_end_does_not_count_its_failures_again() {
    let mut reader = Reader::default();
    let mut check = |said: &str, expected: &str| {
        let line = format!("Nov 20 13:40:45 hearth sshd[77]: {said}");
        assert_eq!(told(&mut reader, &line), expected);
    };
    check(
        "Failed password for root from 203.0.113.7 port 5 ssh2",
        "sshd root 203.0.113.7 1",
    );
    check(
        "Connection closed by authenticating user root 203.0.113.7 port 5 [preauth]",
        "nothing",
    );
}

#[test]
fn what_is_no_line_says_so_and_remembering_is_bounded() {
    let mut reader = Reader::default();
    for (line, expected) in [
        ("", "a line is none of syslog's"),
        ("…………………………………………………", "a line is none of syslog's"),
        ("Nov 20 13:40:45", "a line is none of syslog's"),
        (
            "Xyz 20 13:40:45 hearth sshd[1]: Failed password",
            "a line has no time",
        ),
        ("2026-11-20T13:40:45Z hearth", "a line is none of syslog's"),
    ] {
        assert_eq!(told(&mut reader, line), expected, "{line}");
    }
    for process in 0..2_000 {
        told(
            &mut reader,
            &format!(
                "Nov 20 13:40:45 h sshd[{process}]: Failed password for a from 10.0.0.1 port 5 ssh2"
            ),
        );
    }
    assert_eq!(reader.counted.len(), REMEMBERED);
}
