//! An adb server that a test plays, as far as its clients see it (AOSP, packages/modules/adb/OVERVIEW.TXT and SERVICES.TXT).

use super::Android;
use parking_lot::Mutex;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running one; dropping it ends it and its connections.
pub struct AdbServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    list: watch::Sender<String>,
    android: Android,
    services: Mutex<Vec<String>>,
    serving: Mutex<Vec<JoinHandle<()>>>,
}

impl AdbServer {
    /// Listens on a free port, without a device.
    pub async fn start(android: &Android) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), android).await
    }

    /// Listens where another one listened.
    ///
    /// # Panics
    /// It can't.
    pub async fn start_at(address: SocketAddr, android: &Android) -> Self {
        let listener = TcpListener::bind(address).await.expect("the port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            list: watch::Sender::new(String::new()),
            android: android.clone(),
            services: Mutex::default(),
            serving: Mutex::default(),
        });
        let server = shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let one = server.clone();
                let task = tokio::spawn(async move { drop(serve(stream, &one).await) });
                server.serving.lock().push(task);
            }
        });
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The devices from now on, a line each, as `host:track-devices-l` tells them.
    pub fn list(&self, lines: &str) {
        self.shared.list.send_replace(lines.to_owned());
    }

    /// Every service that was asked for so far.
    #[must_use]
    pub fn services(&self) -> Vec<String> {
        self.shared.services.lock().clone()
    }
}

impl Drop for AdbServer {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared
            .serving
            .lock()
            .iter()
            .for_each(JoinHandle::abort);
    }
}

async fn request(stream: &mut TcpStream) -> io::Result<String> {
    let mut digits = [0; 4];
    stream.read_exact(&mut digits).await?;
    let digits = String::from_utf8_lossy(&digits).into_owned();
    let length = usize::from_str_radix(&digits, 16).map_err(io::Error::other)?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn block(text: &str) -> String {
    format!("{:04x}{text}", text.len())
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let service = request(&mut stream).await?;
    shared.services.lock().push(service.clone());
    if service == "host:version" {
        return stream.write_all(b"OKAY00040029").await;
    }
    if service == "host:track-devices-l" {
        return track(stream, shared.list.subscribe()).await;
    }
    if let Some(address) = service.strip_prefix("host:connect:") {
        let answer = format!("OKAY{}", block(&format!("connected to {address}")));
        stream.write_all(answer.as_bytes()).await?;
        let line =
            format!("{address} device product:flame model:Pixel_4 device:flame transport_id:9\n");
        shared.list.send_modify(|list| list.push_str(&line));
        return Ok(());
    }
    match service.strip_prefix("host:transport:") {
        Some(serial) => device(stream, serial, shared).await,
        None => {
            let refusal = format!("FAIL{}", block("unknown host service"));
            stream.write_all(refusal.as_bytes()).await
        }
    }
}

async fn track(mut stream: TcpStream, mut list: watch::Receiver<String>) -> io::Result<()> {
    stream.write_all(b"OKAY").await?;
    loop {
        let text = block(&list.borrow_and_update());
        stream.write_all(text.as_bytes()).await?;
        list.changed().await.map_err(io::Error::other)?;
    }
}

async fn device(mut stream: TcpStream, serial: &str, shared: &Shared) -> io::Result<()> {
    let state = |list: &str| {
        let mut words = list.lines().map(str::split_whitespace);
        words.find_map(|mut words| {
            (words.next() == Some(serial)).then(|| words.next().map(str::to_owned))
        })?
    };
    let state = state(&shared.list.borrow());
    let refusal = match state.as_deref() {
        Some("device") => None,
        Some("unauthorized") => {
            Some("device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set".to_owned())
        }
        Some(_) => Some("device offline".to_owned()),
        None => Some(format!("device '{serial}' not found")),
    };
    if let Some(refusal) = refusal {
        return stream
            .write_all(format!("FAIL{}", block(&refusal)).as_bytes())
            .await;
    }
    stream.write_all(b"OKAY").await?;
    let service = request(&mut stream).await?;
    shared.services.lock().push(service.clone());
    stream.write_all(b"OKAY").await?;
    if let Some(command) = service.strip_prefix("shell:") {
        stream.write_all(&shared.android.run(command).await).await?;
    }
    if service == "reboot:" {
        let without = |list: &mut String| {
            *list = list
                .lines()
                .filter(|line| !line.starts_with(serial))
                .map(|line| format!("{line}\n"))
                .collect();
        };
        shared.list.send_modify(without);
    }
    Ok(())
}
