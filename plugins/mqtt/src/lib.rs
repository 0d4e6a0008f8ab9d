//! MQTT brokers, as a source of events.
