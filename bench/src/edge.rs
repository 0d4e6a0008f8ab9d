//! What stands at the edge: what an idle connection over TLS takes, and what 10,000 sockets that never finish their
//! handshake do to those who are served.

use crate::child::{Folder, Server, free_address};
use crate::client::{Client, connect_from, find};
use crate::fanout;
use crate::gateway::Setup;
use crate::idle::settled;
use crate::load::{Load, Pace, Stretch};
use crate::plan::Plan;
use crate::publisher::{Publisher, TOPIC};
use crate::report::{Report, median};
use anyhow::{Result, anyhow, ensure};
use hearthgate_tests::secure::{self, Authority};
use serde_json::json;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Before measuring, the same goes on for so long.
const WARM_UP: Duration = Duration::from_millis(500);
/// A request that never comes to its end.
const HALF: &[u8] = b"GET /ws HTTP/1.1\r\nHost: gate\r\nUpgrade: websock";

/// Runs the benchmark.
///
/// # Errors
/// When the gateway does not come up, or refuses a connection.
pub fn run(plan: &Plan) -> Result<Report> {
    let mut report = Report::new("edge");
    encrypted(plan, &mut report)?;
    hostile(plan, &mut report)?;
    Ok(report)
}

/// Memory of an idle connection over TLS, as `idle` measures it without.
fn encrypted(plan: &Plan, report: &mut Report) -> Result<()> {
    let (few, many) = plan.idle;
    let (address, authority) = (free_address()?, Authority::new());
    let folder = Folder::new(&plan.results, "edge")?;
    let at = |name: &str| folder.path().join(name);
    let (certificate, key) = (at("gate.pem"), at("gate.key"));
    authority.sign(None).write(&certificate, &key);
    let sources = format!(
        "[[listener]]\naddress = \"{address}\"\nroutes = [{{ path = \"/ws\", dialect = \"native\" }}]\n\
         [listener.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n"
    );
    let setup = Setup {
        binary: plan.gateway.clone(),
        core: plan.server_core,
        folder,
        sources,
    };
    let server = setup.start()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let connector = authority.connector(&[&rustls::version::TLS13], None);
    let mut clients = Vec::with_capacity(many);
    let mut fill = |count: usize| -> Result<()> {
        while clients.len() < count {
            clients.push(runtime.block_on(welcomed(&connector, address))?);
        }
        Ok(())
    };
    fill(few)?;
    let before = settled(&server)?;
    fill(many)?;
    let after = settled(&server)?;
    let each = (after.resident as f64 - before.resident as f64) / (many - few) as f64;
    report.goal(
        "TLS 1.3, idle: resident a connection",
        each,
        "bytes",
        20_000.0,
    );
    report.raw.push(json!({
        "few": few, "many": many, "resident_bytes": [before.resident, after.resident],
    }));
    Ok(())
}

/// A client over TLS that has its greeting.
async fn welcomed(
    connector: &tokio_rustls::TlsConnector,
    address: SocketAddr,
) -> Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    let mut stream = secure::connect(connector, stream).await?;
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut got = Vec::new();
    while find(&got, b"\"welcome\"").is_none() {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await?;
        ensure!(count > 0, "refused: {}", String::from_utf8_lossy(&got));
        got.extend(&buffer[..count]);
    }
    Ok(stream)
}

/// Latency of served clients, without and with the others, in turns.
fn hostile(plan: &Plan, report: &mut Report) -> Result<()> {
    let setup = Setup {
        binary: plan.gateway.clone(),
        core: plan.server_core,
        folder: Folder::new(&plan.results, "edge")?,
        sources: String::new(),
    };
    let padding = fanout::calibrate(plan)?.padding;
    let server = setup.start()?;
    let mut clients = Vec::with_capacity(plan.subscribers);
    for number in 0..plan.subscribers {
        let mut client = Client::connect(server.clients, number)?;
        client.subscribe(&[TOPIC.to_owned()], false)?;
        clients.push(client);
    }
    let publisher = Publisher::connect(server.admin, padding)?;
    let mut load = Load::new(clients, Box::new(publisher))?;
    let pace = Pace::PerSecond(plan.rate);
    load.stretch(&server, pace, WARM_UP)?;
    let (mut ratios, mut held, mut wrong) = (Vec::new(), Vec::new(), 0);
    for _ in 0..plan.rounds {
        let alone = load.stretch(&server, pace, plan.stretch)?;
        // The served are served meanwhile too; the admin API closes a publisher that falls silent.
        let crowd = std::thread::scope(|scope| {
            let opening = scope.spawn(|| Crowd::open(&server, plan));
            while !opening.is_finished() {
                load.stretch(&server, pace, WARM_UP)?;
            }
            opening
                .join()
                .map_err(|_| anyhow!("opening them panicked"))?
        })?;
        let beset = load.stretch(&server, pace, plan.stretch)?;
        held.push(crowd.held() as f64);
        drop(crowd);
        let p99 = |stretch: &Stretch| stretch.latency_us.quantile(0.99) as f64;
        ratios.push(p99(&beset) / p99(&alone));
        wrong += beset.lost + beset.doubled;
        eprintln!(
            "  p99 {:.0} µs alone, {:.0} µs beset",
            p99(&alone),
            p99(&beset)
        );
        report.raw.push(json!({
            "p50_us": [alone.latency_us.quantile(0.5), beset.latency_us.quantile(0.5)],
            "p99_us": [p99(&alone), p99(&beset)], "max_us": [alone.latency_us.largest(), beset.latency_us.largest()],
            "half_open": plan.hostile, "held": held.last(),
        }));
        // Those that have gone are cleared away before the next turn begins.
        load.stretch(&server, pace, WARM_UP)?;
    }
    let title = format!("{} half-open: p99 of the served ÷ before", plan.hostile);
    report.goal(title, median(ratios), "×", 1.2);
    report.figure("half-open that the gateway still held", median(held), "");
    report.goal("lost or doubled meanwhile", wrong as f64, "events", 0.0);
    Ok(())
}

/// Sockets that begin a request and fall silent.
struct Crowd(Vec<TcpStream>);

impl Crowd {
    fn open(server: &Server, plan: &Plan) -> Result<Self> {
        let mut sockets = Vec::with_capacity(plan.hostile);
        for number in 0..plan.hostile {
            let mut socket = connect_from(server.clients, plan.subscribers + number)?;
            socket.write_all(HALF)?;
            socket.set_nonblocking(true)?;
            sockets.push(socket);
        }
        Ok(Self(sockets))
    }

    /// How many of them the gateway has not closed.
    fn held(&self) -> usize {
        let open = |socket: &&TcpStream| {
            let mut socket: &TcpStream = socket;
            let read = socket.read(&mut [0; 256]);
            matches!(read, Err(error) if error.kind() == ErrorKind::WouldBlock)
        };
        self.0.iter().filter(open).count()
    }
}
