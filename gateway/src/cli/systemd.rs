//! Telling systemd where the service stands (sd_notify(3)): a datagram to the socket that it names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Where the service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It serves.
    Ready,
    /// It reads its configuration anew (`Type=notify-reload`).
    Reloading,
    /// It stops.
    Stopping,
}

/// Tells systemd, where it is systemd that started the process.
pub fn tell(state: Standing) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&socket, &message(state)) {
        tracing::warn!(%error, "systemd can't be told");
    }
}

fn message(state: Standing) -> String {
    match state {
        Standing::Ready => "READY=1".to_owned(),
        Standing::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_micros()),
        Standing::Stopping => "STOPPING=1".to_owned(),
    }
}

fn send(socket: &OsStr, message: &str) -> std::io::Result<()> {
    let address = match socket.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)?
        }
        _ => SocketAddr::from_pathname(socket)?,
    };
    let datagram = UnixDatagram::unbound()?;
    datagram.send_to_addr(message.as_bytes(), &address)?;
    Ok(())
}

/// The clock that systemd compares reloads by.
fn monotonic_micros() -> i64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes into a struct of the right type that lives for the whole call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_arrives_at_the_socket() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).expect("a socket");
        send(path.as_os_str(), &message(Standing::Ready)).expect("sent");
        send(path.as_os_str(), &message(Standing::Reloading)).expect("sent");
        let mut buffer = [0; 256];
        let mut next = || {
            let length = systemd.recv(&mut buffer).expect("a datagram");
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        assert_eq!(next(), "READY=1");
        assert!(next().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    }
}
