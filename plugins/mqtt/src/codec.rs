//! MQTT 3.1.1 and 5 on the wire. The packets themselves are read and written by mqtt-protocol-core; here they become
//! one form for both versions, so that nothing else in this plugin asks which one is spoken.

mod encode;
mod frames;

pub use encode::{
    Connect, Unfit, Will, connect, ping, pubcomp, publish, publish_ack, pubrel, subscribe,
};
pub use frames::{Frame, Frames, Skip};

use mqtt_protocol_core::mqtt::packet::{Properties, Property, Qos as WireQos, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::MqttError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Which MQTT is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// 3.1.1.
    #[serde(rename = "3.1.1")]
    V3,
    /// 5.
    #[serde(rename = "5")]
    V5,
}

/// How surely a message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Qos {
    /// At most once.
    Zero,
    /// At least once.
    One,
    /// Exactly once.
    Two,
}

impl TryFrom<u8> for Qos {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            0 => Ok(Self::Zero),
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            _ => Err(format!("{number} is no QoS: 0, 1 and 2 are")),
        }
    }
}

impl From<Qos> for u8 {
    fn from(qos: Qos) -> Self {
        match qos {
            Qos::Zero => 0,
            Qos::One => 1,
            Qos::Two => 2,
        }
    }
}

/// A message that somebody published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its topic.
    pub topic: String,
    /// What it says.
    pub payload: Vec<u8>,
    /// How surely it arrives.
    pub qos: Qos,
    /// Whether the broker keeps it, or kept it until we came.
    pub retain: bool,
    /// The packet's id, for QoS 1 and 2.
    pub id: Option<u16>,
}

/// What a broker's CONNACK says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Whether the broker kept the session of before.
    pub session_present: bool,
    /// The return or reason code; 0 is success.
    pub code: u8,
    /// The broker's words.
    pub reason: Option<String>,
    /// MQTT 5: a keep-alive that replaces ours, in seconds.
    pub keep_alive: Option<u16>,
    /// MQTT 5: so many of our QoS 1 and 2 messages may be under way.
    pub receive_maximum: Option<u16>,
    /// MQTT 5: the greatest QoS that it takes.
    pub maximum_qos: Option<u8>,
    /// MQTT 5: whether it keeps messages.
    pub retain_available: bool,
    /// MQTT 5: the largest packet that it takes.
    pub maximum_packet: Option<u32>,
}

/// A packet of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// The answer to CONNECT.
    Greeting(Greeting),
    /// PUBLISH.
    Message(Message),
    /// PUBACK: id and reason code.
    PubAck(u16, u8),
    /// PUBREC: id and reason code.
    PubRec(u16, u8),
    /// PUBREL.
    PubRel(u16),
    /// PUBCOMP: id and reason code.
    PubComp(u16, u8),
    /// SUBACK: id and a code for each filter.
    SubAck(u16, Vec<u8>),
    /// PINGRESP.
    Pong,
    /// MQTT 5: the broker says why it ends the connection.
    Disconnect(u8, Option<String>),
}

/// A packet that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Its type, as in `PUBLISH`.
    pub packet: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.packet, self.reason)
    }
}

/// Types of packets, by the upper half of their first byte (MQTT 5, section 2.1.2).
const NAMES: [&str; 16] = [
    "RESERVED",
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
];

/// The name of a packet's type.
pub fn name_of(first: u8) -> &'static str {
    NAMES[usize::from(first >> 4)]
}

/// Reads a packet.
///
/// # Errors
/// It can't be read, or is none that a broker sends.
pub fn decode(version: Version, first: u8, body: &[u8]) -> Result<Incoming, Malformed> {
    let malformed = |reason: String| Malformed {
        packet: name_of(first),
        reason,
    };
    if first >> 4 != 3 && first & 0x0F != if first >> 4 == 6 { 2 } else { 0 } {
        return Err(malformed("its flags are not those of its type".to_owned()));
    }
    let read = match version {
        Version::V3 => read_v3(first, body),
        Version::V5 => read_v5(first, body),
    };
    match read {
        Ok(Some(packet)) => Ok(packet),
        Ok(None) => Err(malformed("a broker sends no such packet".to_owned())),
        Err(error) => Err(malformed(error.to_string())),
    }
}

/// Topic and id of a PUBLISH of which only the beginning is there.
pub fn head_of_publish(first: u8, head: &[u8]) -> Option<(String, Option<u16>)> {
    let length = usize::from(u16::from_be_bytes([*head.first()?, *head.get(1)?]));
    let topic = std::str::from_utf8(head.get(2..2 + length)?).ok()?;
    if (first >> 1) & 3 == 0 {
        return Some((topic.to_owned(), None));
    }
    let id = u16::from_be_bytes([*head.get(2 + length)?, *head.get(3 + length)?]);
    Some((topic.to_owned(), Some(id)))
}

fn read_v3(first: u8, body: &[u8]) -> Result<Option<Incoming>, MqttError> {
    Ok(Some(match first >> 4 {
        2 => {
            let (ack, _) = v3_1_1::Connack::parse(body)?;
            let code = ack.return_code() as u8;
            Incoming::Greeting(Greeting::plain(ack.session_present(), code))
        }
        3 => {
            let (publish, _) = v3_1_1::Publish::parse(first & 0x0F, Arc::from(body))?;
            Incoming::Message(Message {
                topic: publish.topic_name().to_owned(),
                payload: publish.payload().as_slice().to_vec(),
                qos: qos(publish.qos()),
                retain: publish.retain(),
                id: publish.packet_id(),
            })
        }
        4 => Incoming::PubAck(v3_1_1::Puback::parse(body)?.0.packet_id(), 0),
        5 => Incoming::PubRec(v3_1_1::Pubrec::parse(body)?.0.packet_id(), 0),
        6 => Incoming::PubRel(v3_1_1::Pubrel::parse(body)?.0.packet_id()),
        7 => Incoming::PubComp(v3_1_1::Pubcomp::parse(body)?.0.packet_id(), 0),
        9 => {
            let (ack, _) = v3_1_1::Suback::parse(body)?;
            let codes = ack.return_codes().into_iter().map(|code| code as u8);
            Incoming::SubAck(ack.packet_id(), codes.collect())
        }
        13 => Incoming::Pong,
        _ => return Ok(None),
    }))
}

fn read_v5(first: u8, body: &[u8]) -> Result<Option<Incoming>, MqttError> {
    Ok(Some(match first >> 4 {
        2 => {
            let (ack, _) = v5_0::Connack::parse(body)?;
            let plain = Greeting::plain(ack.session_present(), ack.reason_code() as u8);
            Incoming::Greeting(plain.with(ack.props()))
        }
        3 => {
            let (publish, _) = v5_0::Publish::parse(first & 0x0F, Arc::from(body))?;
            // We allow no aliases, so there is always a topic (MQTT 5, section 3.3.2.3.4).
            if publish.topic_name().is_empty() {
                return Err(MqttError::TopicAliasInvalid);
            }
            Incoming::Message(Message {
                topic: publish.topic_name().to_owned(),
                payload: publish.payload().as_slice().to_vec(),
                qos: qos(publish.qos()),
                retain: publish.retain(),
                id: publish.packet_id(),
            })
        }
        4 => {
            let (ack, _) = v5_0::Puback::parse(body)?;
            Incoming::PubAck(
                ack.packet_id(),
                ack.reason_code().map_or(0, |code| code as u8),
            )
        }
        5 => {
            let (ack, _) = v5_0::Pubrec::parse(body)?;
            Incoming::PubRec(
                ack.packet_id(),
                ack.reason_code().map_or(0, |code| code as u8),
            )
        }
        6 => Incoming::PubRel(v5_0::Pubrel::parse(body)?.0.packet_id()),
        7 => {
            let (ack, _) = v5_0::Pubcomp::parse(body)?;
            Incoming::PubComp(
                ack.packet_id(),
                ack.reason_code().map_or(0, |code| code as u8),
            )
        }
        9 => {
            let (ack, _) = v5_0::Suback::parse(body)?;
            let codes = ack.reason_codes().into_iter().map(|code| code as u8);
            Incoming::SubAck(ack.packet_id(), codes.collect())
        }
        13 => Incoming::Pong,
        14 => {
            let (end, _) = v5_0::Disconnect::parse(body)?;
            let code = end.reason_code().map_or(0, |code| code as u8);
            Incoming::Disconnect(code, end.props().as_ref().and_then(words))
        }
        _ => return Ok(None),
    }))
}

impl Greeting {
    fn plain(session_present: bool, code: u8) -> Self {
        Self {
            session_present,
            code,
            reason: None,
            keep_alive: None,
            receive_maximum: None,
            maximum_qos: None,
            retain_available: true,
            maximum_packet: None,
        }
    }

    fn with(mut self, properties: &Properties) -> Self {
        self.reason = words(properties);
        for property in properties {
            match property {
                Property::ServerKeepAlive(value) => self.keep_alive = Some(value.val()),
                Property::ReceiveMaximum(value) => self.receive_maximum = Some(value.val()),
                Property::MaximumQos(value) => self.maximum_qos = Some(value.val()),
                Property::RetainAvailable(value) => self.retain_available = value.val() != 0,
                Property::MaximumPacketSize(value) => self.maximum_packet = Some(value.val()),
                _ => {}
            }
        }
        self
    }
}

/// The broker's own words about its reason.
fn words(properties: &Properties) -> Option<String> {
    properties.iter().find_map(|property| match property {
        Property::ReasonString(reason) => Some(reason.val().to_owned()),
        _ => None,
    })
}

fn qos(qos: WireQos) -> Qos {
    match qos {
        WireQos::AtMostOnce => Qos::Zero,
        WireQos::AtLeastOnce => Qos::One,
        WireQos::ExactlyOnce => Qos::Two,
    }
}

#[cfg(test)]
mod tests;
