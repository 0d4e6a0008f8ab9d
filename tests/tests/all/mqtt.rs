//! A broker that misbehaves: the plugin mqtt tells why it leaves, comes back, and goes on.

use hearthgate_tests::journal::Line;
use hearthgate_tests::peers::TcpPeer;
use hearthgate_tests::{Client, Gateway, Setup, wait};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// CONNACK of MQTT 3.1.1: come in, there is no session.
const WELCOME: [u8; 4] = [0x20, 2, 0, 0];

async fn start(broker: &TcpPeer) -> (Gateway, Client) {
    let url = format!("tcp://{}", broker.address());
    let source = format!(
        r#"
[sources.mqtt]
plugin = "mqtt"
grants = {{ connect = ["{url}"], handle = ["mqtt_publish"], publish = ["adapter/+/status", "adapter/+/sync", "mqtt/#"] }}

[sources.mqtt.config]
broker = "{url}"
version = "3.1.1"
keep-alive = "2s"
max-message = 1024
discovery = []
zigbee2mqtt = []
publish = {{ topics = ["set/#"] }}
rules = [{{ topic = "a/{{x}}", kind = "mqtt.message" }}]
"#
    );
    let gateway = Setup::new().plugin("mqtt").toml(&source).start().await;
    gateway.in_state("mqtt", "running").await;
    let mut client = gateway.client().await;
    client.watch(&["#"]).await;
    (gateway, client)
}

/// Reads one packet: its first byte and what follows its length.
async fn packet(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let read = async {
        let first = stream.read_u8().await?;
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = stream.read_u8().await?;
            length |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        std::io::Result::Ok((first, body))
    };
    wait::soon("a packet", read)
        .await
        .expect("the plugin is there")
}

/// Reads packets until one of a type.
async fn packet_of(stream: &mut TcpStream, kind: u8) -> Vec<u8> {
    loop {
        let (first, body) = packet(stream).await;
        if first >> 4 == kind {
            return body;
        }
    }
}

/// Takes the next connection, up to the plugin's subscription.
async fn welcomed(broker: &TcpPeer) -> TcpStream {
    let mut stream = broker.accept().await;
    packet_of(&mut stream, 1).await;
    stream.write_all(&WELCOME).await.expect("it reads");
    let subscribe = packet_of(&mut stream, 8).await;
    stream
        .write_all(&[0x90, 3, subscribe[0], subscribe[1], 1])
        .await
        .expect("it reads");
    packet_of(&mut stream, 12).await;
    stream.write_all(&[0xD0, 0]).await.expect("it reads");
    stream
}

async fn connected(client: &mut Client) {
    let wanted =
        |frame: &Value| frame["type"] == "adapter.status" && frame["data"]["status"] == "connected";
    client.find("the adapter is connected", wanted).await;
}

/// The plugin left, for that reason.
async fn left(client: &mut Client, reason: &str) {
    let wanted = |frame: &Value| {
        frame["data"]["status"] == "disconnected" && frame["data"]["message"] == reason
    };
    client.find(reason, wanted).await;
}

async fn skips_what_is_malformed(broker: &TcpPeer, gateway: &Gateway, client: &mut Client) {
    let mut stream = welcomed(broker).await;
    // A topic that is no UTF-8; a message that is too large, QoS 1; then, in two halves, a good one.
    let mut bytes = vec![
        0x30, 3, 0, 1, 0xFF, 0x32, 0xDC, 0x0B, 0, 3, b'a', b'/', b'b', 0, 5,
    ];
    bytes.extend(vec![b'x'; 1_493]);
    bytes.extend([0x32, 8, 0, 3, b'a']);
    stream.write_all(&bytes).await.expect("it reads");
    assert_eq!(
        packet_of(&mut stream, 4).await,
        [0, 5],
        "the large one does not come again"
    );
    stream
        .write_all(&[b'/', b'b', 0, 6, b'7'])
        .await
        .expect("it reads");
    let message = client.next_on("mqtt/a/b").await;
    assert_eq!(message["data"]["payload"], 7);
    assert_eq!(packet_of(&mut stream, 4).await, [0, 6]);
    for cause in ["cause=malformed packet", "cause=message too large"] {
        let told = |line: &Line| line.text.contains(cause);
        gateway.journal.line(cause, told).await;
    }
}

async fn leaves_what_is_no_broker(broker: &TcpPeer, client: &mut Client) {
    let mut stream = broker.accept().await;
    stream
        .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .expect("it reads");
    left(client, "this is no MQTT broker").await;
    let mut stream = welcomed(broker).await;
    connected(client).await;
    // A length of more than four bytes: nobody knows where the next packet begins.
    stream
        .write_all(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1])
        .await
        .expect("it reads");
    left(client, "a packet's length can't be read: this is no MQTT").await;
    welcomed(broker).await;
    connected(client).await;
}

async fn notices_silence(broker: &TcpPeer, client: &mut Client) {
    let mut stream = welcomed(broker).await;
    connected(client).await;
    // Half a packet, and then nothing more: not even an answer to its pings.
    stream.write_all(&[0x30, 50, 0]).await.expect("it reads");
    left(client, "the broker does not answer").await;
    let _next = welcomed(broker).await;
    connected(client).await;
}

/// A client that waits for a confirmation is told when none can come any more.
async fn tells_that_the_link_was_lost(broker: &TcpPeer, client: &mut Client) {
    let mut stream = welcomed(broker).await;
    connected(client).await;
    let text = r#"{"type": "mqtt_publish", "id": "p", "data": {"topic": "set/x", "payload": 1, "qos": 1}}"#;
    client.send_text(text).await;
    packet_of(&mut stream, 3).await;
    drop(stream);
    let answer = client.answer(&"p".into()).await;
    assert_eq!(answer["type"], "error", "{answer}");
    assert!(
        answer
            .to_string()
            .contains("the link was lost before the broker confirmed"),
        "{answer}"
    );
}

/// One gateway for all of it: each has to compile the plugin.
#[tokio::test]
async fn mqtt_bears_a_broker_that_misbehaves() {
    let broker = TcpPeer::start().await;
    let (mut gateway, mut client) = start(&broker).await;
    leaves_what_is_no_broker(&broker, &mut client).await;
    skips_what_is_malformed(&broker, &gateway, &mut client).await;
    gateway.assert_alive();
}

/// A test of its own: each loss doubles the wait for the next connection.
#[tokio::test]
async fn mqtt_notices_a_broker_that_is_lost() {
    let broker = TcpPeer::start().await;
    let (mut gateway, mut client) = start(&broker).await;
    notices_silence(&broker, &mut client).await;
    tells_that_the_link_was_lost(&broker, &mut client).await;
    gateway.assert_alive();
}
