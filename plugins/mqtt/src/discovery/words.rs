//! The short forms of keys that announcements may use (Home Assistant's `abbreviations.py` lists them all; these are
//! the ones that mean something to us).

use serde_json::{Map, Value};

const KEYS: &[(&str, &str)] = &[
    ("avty", "availability"),
    ("avty_mode", "availability_mode"),
    ("avty_t", "availability_topic"),
    ("avty_tpl", "availability_template"),
    ("cmps", "components"),
    ("def_ent_id", "default_entity_id"),
    ("dev", "device"),
    ("dev_cla", "device_class"),
    ("en", "enabled_by_default"),
    ("ent_cat", "entity_category"),
    ("exp_aft", "expire_after"),
    ("ic", "icon"),
    ("json_attr", "json_attributes_topic"),
    ("json_attr_t", "json_attributes_topic"),
    ("json_attr_tpl", "json_attributes_template"),
    ("o", "origin"),
    ("obj_id", "object_id"),
    ("ops", "options"),
    ("p", "platform"),
    ("pl_avail", "payload_available"),
    ("pl_not_avail", "payload_not_available"),
    ("pl_off", "payload_off"),
    ("pl_on", "payload_on"),
    ("pl_home", "payload_home"),
    ("pl_not_home", "payload_not_home"),
    ("stat_cla", "state_class"),
    ("stat_off", "state_off"),
    ("stat_on", "state_on"),
    ("stat_t", "state_topic"),
    ("stat_tpl", "state_template"),
    ("stat_val_tpl", "state_value_template"),
    ("sug_dsp_prc", "suggested_display_precision"),
    ("t", "topic"),
    ("uniq_id", "unique_id"),
    ("unit_of_meas", "unit_of_measurement"),
    ("val_tpl", "value_template"),
];

const DEVICE_KEYS: &[(&str, &str)] = &[
    ("cns", "connections"),
    ("cu", "configuration_url"),
    ("hw", "hw_version"),
    ("ids", "identifiers"),
    ("mdl", "model"),
    ("mdl_id", "model_id"),
    ("mf", "manufacturer"),
    ("sa", "suggested_area"),
    ("sn", "serial_number"),
    ("sw", "sw_version"),
];

/// Writes the keys of an announcement out, those of its device and of its availability too, and puts its base topic
/// (`~`) where a topic begins or ends with it.
pub fn write_out(config: &mut Map<String, Value>) {
    rename(config, KEYS);
    if let Some(Value::Object(device)) = config.get_mut("device") {
        rename(device, DEVICE_KEYS);
    }
    if let Some(Value::Array(list)) = config.get_mut("availability") {
        for one in list.iter_mut().filter_map(Value::as_object_mut) {
            rename(one, KEYS);
        }
    }
    let base = config.get("~").and_then(Value::as_str).map(str::to_owned);
    if let Some(base) = base {
        put_base(config, &base);
    }
}

fn rename(map: &mut Map<String, Value>, keys: &[(&str, &str)]) {
    for (short, long) in keys {
        if let Some(value) = map.remove(*short) {
            map.entry((*long).to_owned()).or_insert(value);
        }
    }
}

fn put_base(config: &mut Map<String, Value>, base: &str) {
    for (key, value) in config.iter_mut() {
        match value {
            Value::String(topic) if key.ends_with("topic") => {
                if let Some(rest) = topic.strip_prefix('~') {
                    *topic = format!("{base}{rest}");
                } else if let Some(start) = topic.strip_suffix('~') {
                    *topic = format!("{start}{base}");
                }
            }
            Value::Array(list) if key == "availability" => {
                let list = list.iter_mut().filter_map(Value::as_object_mut);
                list.for_each(|one| put_base(one, base));
            }
            _ => {}
        }
    }
}
