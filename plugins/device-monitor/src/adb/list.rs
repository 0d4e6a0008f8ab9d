//! The list of devices, as `host:track-devices-l` and `host:devices-l` give it: a line each, with serial, state and what the
//! server knows besides (AOSP, packages/modules/adb/transport.cpp, `append_transport`).

use hearthgate_plugin::events::DeviceState;
use serde::{Deserialize, Serialize};

/// A device that the adb server knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its serial number, or `host:port` where it is connected over the network.
    pub serial: String,
    /// The server's word for how it is: `device`, `unauthorized`, `offline`, ….
    pub state: String,
    /// `product`, `model`, `device`, `usb`, `transport_id`, ….
    pub facts: Vec<(String, String)>,
}

impl Listed {
    /// The state in the catalogue's words. `device` is the one state in which a device takes commands; a device in its
    /// recovery or boot loader is there and quiet.
    #[must_use]
    pub fn status(&self) -> DeviceState {
        match self.state.as_str() {
            "device" => DeviceState::Online,
            "unauthorized" | "authorizing" | "no permissions" => DeviceState::Unauthorized,
            "bootloader" | "recovery" | "sideload" | "rescue" | "host" => DeviceState::Idle,
            _ => DeviceState::Offline,
        }
    }

    /// A fact by its name.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&str> {
        let found = self.facts.iter().find(|(key, _)| key == name)?;
        Some(&found.1)
    }

    /// How it is connected.
    #[must_use]
    pub fn connection(&self) -> &'static str {
        let wireless = self.serial.contains(':') || self.serial.contains("_adb-tls-connect");
        match wireless {
            true => "network",
            false if self.serial.starts_with("emulator-") => "emulator",
            false => "usb",
        }
    }
}

/// The devices of a list, and how many of its lines are none: no state, or no serial (`????????????` where the server may not
/// even read it).
#[must_use]
pub fn parse(text: &str) -> (Vec<Listed>, usize) {
    let mut skipped = 0;
    let mut devices: Vec<Listed> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match line_of(line) {
            Some(device) if devices.iter().all(|d| d.serial != device.serial) => {
                devices.push(device);
            }
            _ => skipped += 1,
        }
    }
    (devices, skipped)
}

fn line_of(line: &str) -> Option<Listed> {
    let line = line.trim();
    let (serial, rest) = line.split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    if serial.chars().all(|c| c == '?') || serial.chars().any(char::is_control) {
        return None;
    }
    // The one state of several words; what follows is advice with a link, and no fact.
    let (state, facts) = if rest.starts_with("no permissions") {
        (
            "no permissions",
            rest.rsplit_once(']').map_or("", |(_, facts)| facts),
        )
    } else {
        rest.split_once(char::is_whitespace).unwrap_or((rest, ""))
    };
    let facts = facts.split_whitespace();
    let facts = facts.filter_map(|fact| fact.split_once(':'));
    Some(Listed {
        serial: serial.to_owned(),
        state: state.to_owned(),
        facts: facts.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn one(line: &str) -> Listed {
        let (mut devices, skipped) = parse(line);
        assert_eq!((devices.len(), skipped), (1, 0), "{line}");
        devices.remove(0)
    }

    #[test]
    fn each_state_is_told_apart() {
        let check = |line: &str, serial: &str, state: &str, status: DeviceState| {
            let device = one(line);
            let found = (
                device.serial.as_str(),
                device.state.as_str(),
                device.status(),
            );
            assert_eq!(found, (serial, state, status), "{line}");
        };
        use DeviceState::{Idle, Offline, Online, Unauthorized};
        // The forms of adb 1.0.41: `devices -l` of a Pixel over USB, of an emulator, of a device over the network.
        check(
            "8A1X0F2QD        device usb:1-1.2 product:flame model:Pixel_4 device:flame transport_id:3",
            "8A1X0F2QD",
            "device",
            Online,
        );
        check(
            "emulator-5554          device product:sdk_gphone64_x86_64 model:sdk_gphone64_x86_64 device:emu64x transport_id:1",
            "emulator-5554",
            "device",
            Online,
        );
        check(
            "192.168.1.20:5555      offline transport_id:7",
            "192.168.1.20:5555",
            "offline",
            Offline,
        );
        check(
            "R58M12ABCDE            unauthorized usb:3-2 transport_id:9",
            "R58M12ABCDE",
            "unauthorized",
            Unauthorized,
        );
        check(
            "R58M12ABCDE            authorizing usb:3-2 transport_id:9",
            "R58M12ABCDE",
            "authorizing",
            Unauthorized,
        );
        check(
            "0123456789ABCDEF       recovery usb:1-2 product:lineage_x model:X device:x transport_id:2",
            "0123456789ABCDEF",
            "recovery",
            Idle,
        );
        check("emulator-5556\tdevice", "emulator-5556", "device", Online);
        let denied = "ZY2242ABCD             no permissions (user in plugdev group; are your udev rules wrong?); see [http://developer.android.com/tools/device.html] usb:1-4 transport_id:4";
        check(denied, "ZY2242ABCD", "no permissions", Unauthorized);
        assert_eq!(one(denied).fact("usb"), Some("1-4"));
        // A state that a later server may know is not "online".
        check("X1 detached", "X1", "detached", Offline);
    }

    #[test]
    fn facts_and_the_way_it_is_connected() {
        let device = one(
            "adb-R58M12-kX3bQ1._adb-tls-connect._tcp device product:a52sxq model:SM_A528B device:a52sxq transport_id:12",
        );
        assert_eq!(device.connection(), "network");
        assert_eq!(device.fact("model"), Some("SM_A528B"));
        assert_eq!(one("emulator-5554 device").connection(), "emulator");
        assert_eq!(one("R58M12ABCDE device usb:1").connection(), "usb");
        assert_eq!(one("[fd00::5]:5555 device").connection(), "network");
    }

    #[test]
    fn what_is_no_device_is_counted() {
        let (devices, skipped) = parse(
            "????????????           no permissions\n\nlonely\nA device\nA device\nB offline\n",
        );
        let serials: Vec<_> = devices.iter().map(|d| d.serial.as_str()).collect();
        assert_eq!((serials, skipped), (vec!["A", "B"], 3));
        assert_eq!(parse(""), (Vec::new(), 0));
    }
}
