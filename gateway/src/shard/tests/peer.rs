//! A client on loopback, and the events that it gets.

use super::super::*;
use super::PATIENCE;
use crate::config::Terms;
use crate::event::{
    Audience, Draft, Filter, InstanceName, Kind, Labels, Timestamp, Topic, TopicFilter,
};
use crate::protocol::frame;
use crate::protocol::request::Policy;
use serde_json::Value;
use std::sync::OnceLock;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A client's end of a connection that a shard owns.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    pub(super) link: Link,
    pub(super) status: Arc<Status>,
    pub(super) terms: LiveTerms,
}

pub(super) async fn connect(shards: &Shards, id: &str) -> Peer {
    connect_with(shards, id, super::terms()).await
}

pub(super) async fn connect_with(shards: &Shards, id: &str, terms: Terms) -> Peer {
    let now = shards.population().millis(Instant::now());
    connect_heard_at(shards, id, now, terms).await
}

/// A connection whose client was heard at that time.
pub(super) async fn connect_heard_at(shards: &Shards, id: &str, millis: u64, terms: Terms) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("an address");
    // A small window, so that a client that does not read is noticed soon.
    let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let client = client.expect("a socket");
    client.set_recv_buffer_size(4096).expect("a small buffer");
    client.connect(&address.into()).expect("loopback");
    client.set_nonblocking(true).expect("non-blocking");
    let stream = TcpStream::from_std(client.into()).expect("a socket");
    let (server, _) = listener.accept().await.expect("a connection");
    let sock = socket2::SockRef::from(&server);
    sock.set_send_buffer_size(4096).expect("a small buffer");
    let (link, status) = (shards.link(), Arc::new(Status::default()));
    status.read_at(millis);
    let terms = LiveTerms::new(arc_swap::ArcSwap::from_pointee(terms));
    let registration = Registration {
        number: link.number(),
        socket: Arc::new(server.into()),
        lane: Lane::NATIVE,
        dialect: "native".into(),
        client_id: id.into(),
        caller: crate::auth::Caller::Anonymous,
        access: crate::auth::Access::everything(),
        terms: terms.clone(),
        status: status.clone(),
        greeting: None,
    };
    link.register(registration).await;
    Peer {
        stream,
        link,
        status,
        terms,
    }
}

impl Peer {
    pub(super) async fn subscribe(
        &mut self,
        id: u64,
        topic: &str,
        policy: Policy,
        opening: Option<Opening>,
    ) -> Value {
        let filter = Filter {
            topics: vec![TopicFilter::parse(topic).expect("a filter")],
            ..Filter::default()
        };
        let subscription = Subscription {
            id,
            filter,
            policy,
            opening,
            answer: Some(Box::new(|begun| {
                frame::json(&serde_json::json!({ "seq": begun.seq, "replayed": begun.replayed }))
            })),
        };
        self.link.subscribe(subscription).await;
        loop {
            let message = self.next().await.expect("an answer");
            if message["replayed"].is_u64() {
                return message;
            }
        }
    }

    /// The next text frame. `None`: a close frame with its code, or the end.
    pub(super) async fn next(&mut self) -> Result<Value, u16> {
        timeout(PATIENCE, self.read())
            .await
            .expect("something to read")
    }

    async fn read(&mut self) -> Result<Value, u16> {
        loop {
            let mut head = [0; 2];
            if self.stream.read_exact(&mut head).await.is_err() {
                return Err(0);
            }
            let length = match head[1] {
                126 => usize::from(self.stream.read_u16().await.map_err(|_| 0_u16)?),
                127 => usize::try_from(self.stream.read_u64().await.map_err(|_| 0_u16)?)
                    .expect("small"),
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.stream
                .read_exact(&mut payload)
                .await
                .map_err(|_| 0_u16)?;
            match head[0] {
                0x81 => return Ok(serde_json::from_slice(&payload).expect("JSON")),
                0x88 => return Err(u16::from_be_bytes([payload[0], payload[1]])),
                0x89 => {}
                other => panic!("unexpected frame {other:#x}"),
            }
        }
    }
}

pub(super) fn event(seq: u64, topic: &str, size: usize) -> Arc<Event> {
    sized(seq, topic, size, Vec::new())
}

pub(super) fn sized(seq: u64, topic: &str, size: usize, audience: Vec<Audience>) -> Arc<Event> {
    let data = serde_json::value::to_raw_value(&"x".repeat(size)).expect("JSON");
    Arc::new(Event {
        seq,
        source: InstanceName::gateway(),
        received_at: Timestamp::from_millis(0),
        accepted: std::time::Instant::now(),
        draft: Draft {
            kind: Kind::parse("k.a").expect("a kind"),
            topic: Topic::parse(topic).expect("a topic"),
            labels: Labels::default(),
            data,
            occurred_at: None,
            retain: false,
            audience,
        },
        native: OnceLock::new(),
    })
}
