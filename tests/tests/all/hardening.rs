//! Clients that mean harm. Each is held to a bound that is counted, and while it tries, again and again, a bystander gets
//! every event in time and the gateway's memory stays where it was, at its peak.

use hearthgate_tests::raw::{Raw, handshake, masked};
use hearthgate_tests::{Gateway, Setup, Witness};
use std::net::SocketAddr;

/// Most bytes that the gateway may grow by while it is under attack; what it does otherwise is in it.
const GROWTH: u64 = 48 * 1024 * 1024;

struct Siege {
    gateway: Gateway,
    witness: Witness,
    before: u64,
}

impl Siege {
    async fn begin(connections: &str) -> Self {
        let gateway = Setup::new()
            .with_witness()
            .toml(&format!("[connections]\n{connections}"))
            .start()
            .await;
        let witness = Witness::of(&gateway).await;
        gateway.forget_peak();
        let before = gateway.peak_memory();
        Self {
            gateway,
            witness,
            before,
        }
    }

    async fn raw(&self) -> Raw {
        Raw::connect(self.gateway.address()).await
    }

    /// Repeats an attack while the bystander is watched.
    async fn during(&mut self, mut attack: impl AsyncFnMut(SocketAddr)) {
        let address = self.gateway.address();
        let attack = async || attack(address).await;
        self.witness.unharmed_by(attack).await;
    }

    /// Asserts that neither the bystander nor the memory noticed.
    async fn survived(&mut self) {
        self.witness.unharmed().await;
        let grown = self.gateway.peak_memory().saturating_sub(self.before);
        assert!(grown < GROWTH, "the gateway grew by {grown} bytes");
        self.gateway.assert_alive();
    }
}

async fn upgraded(address: SocketAddr) -> Raw {
    Raw::connect(address).await.upgrade("/ws").await
}

#[tokio::test]
async fn half_open_connections_end_with_their_time_and_cost_little() {
    let mut siege = Siege::begin("handshake-timeout = \"2s\"").await;
    let mut silent = Vec::new();
    for _ in 0..1000 {
        silent.push(siege.raw().await);
    }
    siege.survived().await;
    for raw in &mut silent {
        assert_eq!(raw.rest().await, [0; 0], "each is closed, without a word");
    }
    siege.survived().await;
}

#[tokio::test]
async fn a_handshake_that_trickles_in_is_ended_though_it_never_stops() {
    let mut siege = Siege::begin("handshake-timeout = \"1s\"").await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut raw = siege.raw().await;
        raw.write(b"GET /ws HTTP/1.1\r\nhost: a\r\n").await;
        slow.push(raw);
    }
    // A header every now and then, for as long as somebody takes it.
    let mut rounds = 0;
    while !slow.is_empty() {
        siege.witness.unharmed().await;
        let mut open = Vec::new();
        for mut raw in slow {
            if raw.try_write(b"x-more: and more\r\n").await && !raw.has_ended().await {
                open.push(raw);
            }
        }
        slow = open;
        rounds += 1;
        assert!(rounds < 30, "{} are still open", slow.len());
    }
    siege.survived().await;
}

#[tokio::test]
async fn header_floods_are_refused_at_their_bound() {
    let mut siege = Siege::begin("").await;
    let long = format!(
        "GET /ws HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "y".repeat(20_000)
    );
    let many: String = (0..500).map(|n| format!("x-{n}: y\r\n")).collect();
    let many = format!("GET /ws HTTP/1.1\r\nhost: a\r\n{many}\r\n");
    let endless = format!("GET /{} HTTP/1.1\r\n", "z".repeat(100_000));
    let floods = async |address| {
        for flood in [&long, &many, &endless] {
            let mut raw = Raw::connect(address).await;
            let _refused_early = raw.try_write(flood.as_bytes()).await;
            let answer = String::from_utf8_lossy(&raw.rest().await).into_owned();
            // Closing over what was not read may reset the connection, and the answer with it.
            let refused = answer.is_empty()
                || answer.starts_with("HTTP/1.1 431")
                || answer.starts_with("HTTP/1.1 414");
            assert!(refused, "{answer}");
        }
    };
    siege.during(floods).await;
    siege.survived().await;
}

#[tokio::test]
async fn a_flood_of_fragments_ends_with_1009() {
    let mut siege = Siege::begin("messages-per-second = 1000").await;
    let empty: Vec<u8> = masked(0x00, b"").repeat(1000);
    let flood = async |address| {
        let mut raw = upgraded(address).await;
        raw.frame(0x01, b"").await;
        let mut written = 0;
        while raw.try_write(&empty).await && written < 100 {
            written += 1;
        }
    };
    siege.during(flood).await;
    let closed = siege.gateway.admin();
    hearthgate_tests::wait::until("it is closed", || async {
        (closed
            .metric("hearthgate_connections_closed_total", &["1009"])
            .await
            >= 1.0)
            .then_some(())
    })
    .await;
    siege.survived().await;
}

#[tokio::test]
async fn a_flood_of_pings_is_answered_so_far_and_ended_with_4429() {
    let mut siege = Siege::begin("messages-per-second = 20").await;
    let pings: Vec<u8> = masked(0x89, b"are you there").repeat(100);
    let mut floods = 0.0;
    let flood = async |address| {
        let mut raw = upgraded(address).await;
        let (mut written, mut pongs) = (0, 0);
        while written < 30 && raw.try_write(&pings).await {
            written += 1;
        }
        while let Some(frame) = raw.next().await {
            match frame.opcode {
                10 => pongs += 1,
                8 => assert_eq!(frame.close_code(), Some(4429)),
                _ => {}
            }
        }
        assert!(pongs <= 60, "{pongs} were answered");
        floods += 1.0;
    };
    siege.during(flood).await;
    // What was under way when it was closed may have reset the connection; the figure says why it was closed.
    let admin = siege.gateway.admin();
    let closed = async || {
        let name = "hearthgate_connections_closed_total";
        (admin.metric(name, &["4429"]).await == floods).then_some(())
    };
    hearthgate_tests::wait::until("each is closed with 4429", closed).await;
    let limited = siege
        .gateway
        .admin()
        .metric("hearthgate_limits_reached_total", &["messages-per-second"])
        .await;
    assert!(limited >= 200.0, "{limited}");
    siege.survived().await;
}

#[tokio::test]
async fn control_frames_in_the_middle_of_a_message_are_served_and_break_nothing() {
    let mut siege = Siege::begin("messages-per-second = 1000").await;
    siege.during(control_frames_inside_a_message).await;
    siege.survived().await;
}

async fn control_frames_inside_a_message(address: SocketAddr) {
    let mut raw = upgraded(address).await;
    let text = br#"{"type":"ping","id":7,"data":"in pieces"}"#;
    for (n, byte) in text.iter().enumerate() {
        let first = if n == 0 { 0x01 } else { 0x00 };
        let last = if n + 1 == text.len() { 0x80 } else { 0x00 };
        raw.frame(first | last, &[*byte]).await;
        raw.frame(0x89, &[*byte]).await;
        raw.frame(0x8a, b"unasked").await;
    }
    let (mut pongs, mut answered) = (Vec::new(), false);
    while pongs.len() < text.len() || !answered {
        let frame = raw.next().await.expect("it stays open");
        match frame.opcode {
            10 => pongs.extend(frame.payload),
            _ => answered |= frame.text().contains("in pieces"),
        }
    }
    assert_eq!(pongs, text, "each ping was answered, in order");
    raw.frame(0x01, b"{").await;
    raw.frame(0x88, &[0x03, 0xe8]).await;
    assert_eq!(
        raw.close_code().await,
        Some(1000),
        "a close inside a message is a close"
    );
}

#[tokio::test]
async fn lengths_that_overflow_are_refused_before_anything_is_held_for_them() {
    let mut siege = Siege::begin("").await;
    siege.during(lengths_that_overflow).await;
    // Fragments whose sum is over the limit, each below it.
    let mut raw = upgraded(siege.gateway.address()).await;
    raw.frame(0x01, &vec![b' '; 60_000]).await;
    raw.frame(0x00, &vec![b' '; 60_000]).await;
    assert_eq!(raw.close_code().await, Some(1009), "the sum counts");
    siege.survived().await;
}

async fn lengths_that_overflow(address: SocketAddr) {
    for (what, header, code) in [
        (
            "the highest bit",
            [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
            1002,
        ),
        (
            "all bits",
            [0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            1002,
        ),
        (
            "exabytes",
            [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            1009,
        ),
        ("four gigabytes", [0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0], 1009),
        ("a long ping", [0x89, 0xff, 0, 0, 0, 0, 0, 0, 0, 126], 1002),
    ] {
        let mut raw = upgraded(address).await;
        raw.write(&[header.as_slice(), &[0; 4]].concat()).await;
        assert_eq!(raw.close_code().await, Some(code), "{what}");
    }
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_refused_at_its_first_wrong_byte() {
    let mut siege = Siege::begin("").await;
    siege.during(text_that_is_not_utf_8).await;
    siege.survived().await;
}

async fn text_that_is_not_utf_8(address: SocketAddr) {
    for wrong in [
        [0xc0, 0xaf, b'a', b'a'],
        [0xed, 0xa0, 0x80, b'a'],
        [0xf5, 0x80, 0x80, 0x80],
        [b'a', 0x80, b'a', b'a'],
    ] {
        let mut raw = upgraded(address).await;
        // The rest of the message is never sent, and need not be.
        let mut frame = masked(0x81, &[b' '; 1000]);
        frame.truncate(frame.len() - 1000);
        raw.write(&[frame.as_slice(), wrong.as_slice()].concat())
            .await;
        assert_eq!(raw.close_code().await, Some(1007), "{wrong:?}");
    }
    // A character that is cut by the end of the message, and one that is cut by a fragment's.
    let mut raw = upgraded(address).await;
    raw.frame(0x81, &[0xe2, 0x82]).await;
    assert_eq!(raw.close_code().await, Some(1007));
    let mut raw = upgraded(address).await;
    raw.frame(0x01, b"{\"type\":\"ping\",\"data\":\"\xe2\x82")
        .await;
    raw.frame(0x80, b"\xac\"}").await;
    assert!(
        raw.find(|f| f.text().contains('€')).await.is_some(),
        "across fragments it is whole"
    );
}

#[tokio::test]
async fn handshakes_that_are_none_cost_an_answer_each() {
    let mut siege = Siege::begin("").await;
    siege.during(handshakes_that_are_none).await;
    let mut good = siege.raw().await;
    good.write(handshake("/ws").as_bytes()).await;
    assert!(good.head().await.starts_with("HTTP/1.1 101"));
    siege.survived().await;
}

async fn handshakes_that_are_none(address: SocketAddr) {
    for bytes in [
        "\0\0\0\0\0\0\0\0",
        "GET\r\n\r\n",
        "GET /ws HTTP/9.9\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /ws HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        "GET /ws HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\nZZZZZ",
    ] {
        let mut raw = Raw::connect(address).await;
        raw.write(bytes.as_bytes()).await;
        let _whatever = raw.shut().await;
        let answer = String::from_utf8_lossy(&raw.rest().await).into_owned();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{bytes:?}: {answer}"
        );
    }
}

/// Compression is never agreed on, so nothing is ever inflated: the bit that says so is a violation.
#[tokio::test]
async fn a_compression_bomb_has_nothing_to_go_off_in() {
    let mut siege = Siege::begin("").await;
    siege.during(compressed).await;
    siege.survived().await;
}

async fn compressed(address: SocketAddr) {
    let offer = "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    let mut raw = Raw::connect(address).await;
    raw.write(handshake("/ws").replace("\r\n\r\n", offer).as_bytes())
        .await;
    let head = raw.head().await.to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
    // The bit alone is refused; what stands behind it is not looked at.
    raw.frame(0xc1, &[0xec, 0xc1, 0x01, 0, 0]).await;
    assert_eq!(raw.close_code().await, Some(1002));
}
