//! What is sent to a broker.

use super::{Qos, Version};
use mqtt_protocol_core::mqtt::packet::{
    MaximumPacketSize, Property, Qos as WireQos, ReceiveMaximum, SessionExpiryInterval, SubEntry,
    SubOpts, v3_1_1, v5_0,
};
use mqtt_protocol_core::mqtt::result_code::MqttError;
use std::fmt;

/// What is to be sent can't be: a text is too long, or holds what MQTT forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit(String);

impl From<MqttError> for Unfit {
    fn from(error: MqttError) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unfit {}

/// How we introduce ourselves.
#[derive(Debug, Clone)]
pub struct Connect {
    pub client_id: String,
    pub user: Option<String>,
    pub password: Option<String>,
    /// Seconds; 0: none.
    pub keep_alive: u16,
    /// Whether the broker shall forget an earlier session.
    pub clean: bool,
    /// MQTT 5: how long the broker keeps the session after we are gone, in seconds.
    pub session_expiry: u32,
    /// MQTT 5: so many QoS 1 and 2 messages may be under way to us.
    pub receive_maximum: u16,
    /// MQTT 5: the largest packet that we take.
    pub maximum_packet: u32,
    pub will: Option<Will>,
}

/// What the broker says for us when we are lost. It is retained, QoS 1.
#[derive(Debug, Clone)]
pub struct Will {
    pub topic: String,
    pub payload: String,
}

/// CONNECT.
pub fn connect(version: Version, connect: &Connect) -> Result<Vec<u8>, Unfit> {
    macro_rules! fill {
        ($builder:expr) => {{
            let mut builder = $builder.client_id(connect.client_id.as_str())?;
            if let Some(will) = &connect.will {
                let payload = will.payload.as_str();
                builder = builder.will_message(
                    will.topic.as_str(),
                    payload,
                    WireQos::AtLeastOnce,
                    true,
                )?;
            }
            if let Some(user) = &connect.user {
                builder = builder.user_name(user.as_str())?;
            }
            if let Some(password) = &connect.password {
                builder = builder.password(password.as_str())?;
            }
            builder.keep_alive(connect.keep_alive)
        }};
    }
    Ok(match version {
        Version::V3 => fill!(v3_1_1::Connect::builder().clean_session(connect.clean))
            .build()?
            .to_continuous_buffer(),
        Version::V5 => {
            let properties = vec![
                Property::SessionExpiryInterval(SessionExpiryInterval::new(
                    connect.session_expiry,
                )?),
                Property::ReceiveMaximum(ReceiveMaximum::new(connect.receive_maximum)?),
                Property::MaximumPacketSize(MaximumPacketSize::new(connect.maximum_packet)?),
            ];
            fill!(v5_0::Connect::builder().clean_start(connect.clean))
                .props(properties)
                .build()?
                .to_continuous_buffer()
        }
    })
}

/// SUBSCRIBE to these filters. What is retained comes at once, whether or not we were subscribed before; with MQTT 5
/// the messages that come later keep their mark.
pub fn subscribe(
    version: Version,
    id: u16,
    filters: &[String],
    qos: Qos,
) -> Result<Vec<u8>, Unfit> {
    let options = match version {
        Version::V3 => SubOpts::new().set_qos(wire(qos)),
        Version::V5 => SubOpts::new().set_qos(wire(qos)).set_rap(true),
    };
    let entries: Result<Vec<_>, _> = filters
        .iter()
        .map(|filter| SubEntry::new(filter.as_str(), options))
        .collect();
    Ok(match version {
        Version::V3 => v3_1_1::Subscribe::builder()
            .packet_id(id)
            .entries(entries?)
            .build()?
            .to_continuous_buffer(),
        Version::V5 => v5_0::Subscribe::builder()
            .packet_id(id)
            .entries(entries?)
            .build()?
            .to_continuous_buffer(),
    })
}

/// PUBLISH; an `id` for QoS 1 and 2.
pub fn publish(
    version: Version,
    id: Option<u16>,
    topic: &str,
    payload: &[u8],
    qos: Qos,
    retain: bool,
) -> Result<Vec<u8>, Unfit> {
    macro_rules! fill {
        ($builder:expr) => {{
            let builder = $builder.topic_name(topic)?.qos(wire(qos)).retain(retain);
            let builder = match id {
                Some(id) => builder.packet_id(id),
                None => builder,
            };
            builder.payload(payload).build()?.to_continuous_buffer()
        }};
    }
    Ok(match version {
        Version::V3 => fill!(v3_1_1::Publish::builder()),
        Version::V5 => fill!(v5_0::Publish::builder()),
    })
}

// The answers of four bytes are the same in both versions where the reason is success (MQTT 5, section 3.4.2.1).

/// PUBACK or PUBREC.
pub fn publish_ack(id: u16, qos: Qos) -> Vec<u8> {
    short(if qos == Qos::Two { 0x50 } else { 0x40 }, id)
}

/// PUBREL.
pub fn pubrel(id: u16) -> Vec<u8> {
    short(0x62, id)
}

/// PUBCOMP.
pub fn pubcomp(id: u16) -> Vec<u8> {
    short(0x70, id)
}

/// PINGREQ.
pub fn ping() -> Vec<u8> {
    vec![0xC0, 0]
}

fn short(first: u8, id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![first, 2, high, low]
}

fn wire(qos: Qos) -> WireQos {
    match qos {
        Qos::Zero => WireQos::AtMostOnce,
        Qos::One => WireQos::AtLeastOnce,
        Qos::Two => WireQos::ExactlyOnce,
    }
}
