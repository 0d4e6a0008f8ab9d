//! A device that a real adb server connects to over TCP: the transport protocol between server and device (AOSP,
//! packages/modules/adb/protocol.txt), spoken from the device's side.

use super::Android;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const CNXN: u32 = 0x4e58_4e43;
const AUTH: u32 = 0x4854_5541;
const OPEN: u32 = 0x4e45_504f;
const OKAY: u32 = 0x5941_4b4f;
const WRTE: u32 = 0x4554_5257;
const CLSE: u32 = 0x4553_4c43;
/// The oldest version, in which every payload has its checksum.
const VERSION: u32 = 0x0100_0000;
const MAX_PAYLOAD: u32 = 4096;
/// A sort of AUTH packet.
const PUBLIC_KEY: u32 = 3;

/// Whether the device lets the server in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// As one whose owner has confirmed the server's key, or that wants none.
    Given,
    /// It asks for a signature again and again: nobody has confirmed.
    Awaited,
}

/// A running one; dropping it ends it and its connections: unplugged.
pub struct AdbDevice {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

struct Packet {
    command: u32,
    first: u32,
    second: u32,
    data: Vec<u8>,
}

impl AdbDevice {
    /// Listens on a free port.
    ///
    /// # Panics
    /// There is none.
    pub async fn start(android: &Android, consent: Consent) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("there is a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let android = android.clone();
        let accepting = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let android = android.clone();
                serving.spawn(async move { drop(serve(stream, &android, consent).await) });
            }
        });
        Self { address, accepting }
    }

    /// Its address, which is its serial too.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for AdbDevice {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, android: &Android, consent: Consent) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut sockets = 0;
    // Services that were asked for while another one was served.
    let mut waiting = VecDeque::new();
    loop {
        let packet = match waiting.pop_front() {
            Some(packet) => packet,
            None => receive(&mut stream).await?,
        };
        match packet.command {
            // The server's public key: now somebody would have to confirm it.
            AUTH if packet.first == PUBLIC_KEY => {}
            CNXN | AUTH if consent == Consent::Awaited => {
                send(&mut stream, AUTH, 1, 0, &[7; 20]).await?;
            }
            CNXN => {
                let banner = b"device::ro.product.name=flame;ro.product.model=Pixel 4;ro.product.device=flame;features=cmd\0";
                send(&mut stream, CNXN, VERSION, MAX_PAYLOAD, banner).await?;
            }
            OPEN => {
                sockets += 1;
                let service = String::from_utf8_lossy(&packet.data).into_owned();
                let service = service.trim_end_matches('\0');
                let pair = (packet.first, sockets);
                open(&mut stream, android, pair, service, &mut waiting).await?;
            }
            // Acknowledgements and ends of sockets that are closed here already.
            _ => {}
        }
    }
}

/// Serves one socket, by its ids on the server's side and here, from its beginning to its end.
async fn open(
    stream: &mut TcpStream,
    android: &Android,
    (theirs, ours): (u32, u32),
    service: &str,
    waiting: &mut VecDeque<Packet>,
) -> io::Result<()> {
    if service == "reboot:" {
        send(stream, OKAY, ours, theirs, &[]).await?;
        send(stream, CLSE, ours, theirs, &[]).await?;
        return Err(io::Error::other("the device starts anew"));
    }
    let Some(command) = service.strip_prefix("shell:") else {
        return send(stream, CLSE, 0, theirs, &[]).await;
    };
    send(stream, OKAY, ours, theirs, &[]).await?;
    let output = android.run(command).await;
    for part in output.chunks(MAX_PAYLOAD as usize) {
        send(stream, WRTE, ours, theirs, part).await?;
        loop {
            let answer = receive(stream).await?;
            match answer.command {
                OKAY if answer.second == ours => break,
                CLSE if answer.second == ours => return Ok(()),
                OPEN => waiting.push_back(answer),
                _ => {}
            }
        }
    }
    send(stream, CLSE, ours, theirs, &[]).await
}

async fn receive(stream: &mut TcpStream) -> io::Result<Packet> {
    let mut header = [0; 24];
    stream.read_exact(&mut header).await?;
    let words: Vec<u32> = header
        .chunks_exact(4)
        .map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")))
        .collect();
    if words[5] != words[0] ^ u32::MAX {
        return Err(io::Error::other("the magic does not fit"));
    }
    let mut data = vec![0; words[3] as usize];
    stream.read_exact(&mut data).await?;
    Ok(Packet {
        command: words[0],
        first: words[1],
        second: words[2],
        data,
    })
}

async fn send(
    stream: &mut TcpStream,
    command: u32,
    first: u32,
    second: u32,
    data: &[u8],
) -> io::Result<()> {
    let sum: u32 = data.iter().map(|byte| u32::from(*byte)).sum();
    let length = u32::try_from(data.len()).expect("payloads are short");
    let words = [command, first, second, length, sum, command ^ u32::MAX];
    let mut packet: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    packet.extend_from_slice(data);
    stream.write_all(&packet).await
}
