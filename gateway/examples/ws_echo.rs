//! An echo server on the gateway's own frame reader and writer: what the Autobahn suite tests against.
//!
//! `cargo run --example ws_echo -- 127.0.0.1:9001` serves until it is killed; port 0 takes a free one. The address is
//! printed on the first line.

use bytes::Bytes;
use hearthgate::config;
use hearthgate::connection::decoder::Decoder;
use hearthgate::connection::reader::{Handler, Reader};
use hearthgate::connection::{Io, answer_handshake};
use hearthgate::dialects::Flow;
use hearthgate::protocol::frame::{self, Opcode};
use hearthgate::shard::{Lane, Link, LiveTerms, Registration, Shards, Status, Wire};
use hyper::service::service_fn;
use hyper::{Request, body::Incoming};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// The largest message of the suite is 16 MiB.
const MAX_MESSAGE: usize = 17 * 1024 * 1024;

/// Sends back what comes.
struct Echo(Link);

impl Handler for Echo {
    type Pushed = ();

    async fn on_text(&mut self, text: String) -> Flow {
        self.0.control(frame::text(&text)).await;
        Flow::Continue
    }

    async fn on_binary(&mut self, payload: Vec<u8>) -> Flow {
        let echo = frame::frame(Opcode::Binary, &payload);
        self.0.control(echo).await;
        Flow::Continue
    }

    async fn on_pushed(&mut self, (): ()) -> Flow {
        Flow::Continue
    }

    fn is_native(&self) -> bool {
        false
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("{}", listener.local_addr()?);
    let shards = Shards::start(&config::Connections::default());
    loop {
        let (socket, _) = listener.accept().await?;
        let shards = shards.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let shards = shards.clone();
                async move { Ok::<_, Infallible>(upgrade(request, shards)) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            let connection = http.serve_connection(Io::new(socket.into()), service);
            let _ended = connection.with_upgrades().await;
        });
    }
}

fn upgrade(
    mut request: Request<Incoming>,
    shards: Shards,
) -> hyper::Response<http_body_util::Full<Bytes>> {
    let response = answer_handshake(&request);
    if response.status() == hyper::StatusCode::SWITCHING_PROTOCOLS {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.await
                && let Ok(parts) = upgraded.downcast::<Io>()
            {
                echo(parts.io.into_inner(), parts.read_buf, &shards).await;
            }
        });
    }
    response
}

async fn echo(socket: Wire, early: Bytes, shards: &Shards) {
    let _best_effort = socket.tcp().set_nodelay(true);
    let (socket, link, status) = (Arc::new(socket), shards.link(), Arc::new(Status::default()));
    status.read_at(shards.population().millis(Instant::now()));
    let registration = Registration {
        number: link.number(),
        socket: socket.clone(),
        lane: Lane(1),
        dialect: "echo".into(),
        client_id: "echo".into(),
        caller: Default::default(),
        access: hearthgate::auth::Access::everything(),
        terms: LiveTerms::default(),
        status: status.clone(),
        greeting: None,
    };
    link.register(registration).await;
    let reader = Reader {
        socket,
        decoder: Decoder::new(MAX_MESSAGE),
        handler: Echo(link.clone()),
        link,
        status,
        population: shards.population().clone(),
        pause: None,
    };
    reader.run(early).await;
}
