//! One request to the adb server on a connection of its own, from the first byte to the last: to the server itself, or to a
//! device's service after `host:transport:`.

use super::wire::{self, Reader, Status};
use serde::{Deserialize, Serialize};

/// Most that is taken of one answer, in bytes. A device that prints more is broken.
pub const MOST_OUTPUT: usize = 256 * 1024;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// The device is asked for.
    Transport,
    /// The service is asked for.
    Service,
    /// What it prints.
    Output,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    serial: Option<String>,
    service: String,
    phase: Phase,
    reader: Reader,
}

/// What came of a piece of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Wait for more.
    Wait,
    /// Send this next.
    Send(Vec<u8>),
    /// The service began.
    Begun,
    /// It is over: what was printed, or why not.
    Over(Result<String, String>),
}

impl Session {
    /// Asks a device for a service: `shell:…`, `reboot:`.
    #[must_use]
    pub fn device(serial: &str, service: String) -> Self {
        Self {
            serial: Some(serial.to_owned()),
            service,
            phase: Phase::Transport,
            reader: Reader::default(),
        }
    }

    /// Asks the server itself: `host:version`, `host:connect:…`. Its answer is one text.
    #[must_use]
    pub fn server(service: String) -> Self {
        Self {
            serial: None,
            service,
            phase: Phase::Service,
            reader: Reader::default(),
        }
    }

    /// What to send once the connection is open.
    #[must_use]
    pub fn opened(&self) -> Vec<u8> {
        match &self.serial {
            Some(serial) => wire::request(&format!("host:transport:{serial}")),
            None => wire::request(&self.service),
        }
    }

    /// Something arrived.
    pub fn data(&mut self, data: &[u8]) -> Step {
        self.reader.push(data);
        if self.reader.pending().len() > MOST_OUTPUT {
            return Step::Over(Err(format!(
                "the answer is longer than {MOST_OUTPUT} bytes"
            )));
        }
        if self.phase == Phase::Output {
            return self.output();
        }
        match self.reader.status() {
            Ok(None) => Step::Wait,
            Ok(Some(Status::Fail(reason))) => Step::Over(Err(one_line(&reason))),
            Err(error) => Step::Over(Err(error.to_string())),
            Ok(Some(Status::Okay)) if self.phase == Phase::Transport => {
                self.phase = Phase::Service;
                Step::Send(wire::request(&self.service))
            }
            Ok(Some(Status::Okay)) => {
                self.phase = Phase::Output;
                match self.output() {
                    Step::Wait => Step::Begun,
                    over => over,
                }
            }
        }
    }

    /// The connection ended: for a device's service, that is the end of what it prints.
    pub fn closed(&mut self, reason: &str) -> Result<String, String> {
        match (&self.serial, self.phase) {
            (Some(_), Phase::Output) => {
                Ok(String::from_utf8_lossy(&self.reader.rest()).into_owned())
            }
            _ => Err(match reason {
                "" => "the adb server closed the connection".to_owned(),
                reason => reason.to_owned(),
            }),
        }
    }

    /// Whether the service began.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.phase == Phase::Output
    }

    fn output(&mut self) -> Step {
        if self.serial.is_some() {
            return Step::Wait;
        }
        match self.reader.block() {
            Ok(None) => Step::Wait,
            Ok(Some(text)) => Step::Over(Ok(text)),
            Err(error) => Step::Over(Err(error.to_string())),
        }
    }
}

/// The server's reasons have advice on further lines.
fn one_line(reason: &str) -> String {
    reason.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_devices_service_prints_until_the_connection_ends() {
        let mut session = Session::device("emulator-5554", "shell:id".to_owned());
        assert_eq!(session.opened(), b"001chost:transport:emulator-5554");
        assert_eq!(session.data(b"OK"), Step::Wait);
        assert_eq!(session.data(b"AY"), Step::Send(b"0008shell:id".to_vec()));
        assert!(!session.has_begun());
        assert_eq!(session.data(b"OKAYuid="), Step::Begun);
        assert_eq!(session.data(b"2000(shell)\n"), Step::Wait);
        assert_eq!(session.closed(""), Ok("uid=2000(shell)\n".to_owned()));
    }

    #[test]
    fn the_servers_own_answer_is_one_text() {
        let mut session = Session::server("host:version".to_owned());
        assert_eq!(session.opened(), b"000chost:version");
        assert_eq!(session.data(b"OKAY"), Step::Begun);
        assert_eq!(session.data(b"00040029"), Step::Over(Ok("0029".to_owned())));
        let mut whole = Session::server("host:version".to_owned());
        assert_eq!(
            whole.data(b"OKAY00040029"),
            Step::Over(Ok("0029".to_owned()))
        );
    }

    #[test]
    fn what_goes_wrong_is_told_in_the_servers_words() {
        let failed = |data: &[u8]| Session::device("x", "shell:id".to_owned()).data(data);
        let over = |reason: &str| Step::Over(Err(reason.to_owned()));
        assert_eq!(failed(b"FAIL000edevice offline"), over("device offline"));
        assert_eq!(
            failed(b"FAIL0021device unauthorized.\nCheck the ph"),
            over("device unauthorized.")
        );
        assert_eq!(
            failed(b"SSH-2.0-"),
            over("the adb server said \"SSH-\", not OKAY or FAIL")
        );
        let mut early = Session::device("x", "shell:id".to_owned());
        assert_eq!(
            early.closed(""),
            Err("the adb server closed the connection".to_owned())
        );
        let mut flood = Session::device("x", "shell:id".to_owned());
        flood.data(b"OKAY");
        flood.data(b"OKAY");
        let too_long = over("the answer is longer than 262144 bytes");
        assert_eq!(flood.data(&vec![b'x'; MOST_OUTPUT + 1]), too_long);
    }
}
