//! One shell session reads everything: commands separated by lines that no device prints by chance.

use crate::read::properties;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A thing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// What it is.
    Properties,
    /// `dumpsys battery`.
    Battery,
    /// `/proc/stat`.
    Cpu,
    /// `/proc/stat` a second later, where there is no earlier reading to compare with.
    CpuAgain,
    /// `/proc/meminfo`.
    Memory,
    /// `df`.
    Storage,
    /// `/proc/net/dev`.
    Network,
    /// Thermal zones and the thermal service.
    Temperature,
}

impl Section {
    fn name(self) -> &'static str {
        match self {
            Self::Properties => "properties",
            Self::Battery => "battery",
            Self::Cpu => "cpu",
            Self::CpuAgain => "cpu_again",
            Self::Memory => "memory",
            Self::Storage => "storage",
            Self::Network => "network",
            Self::Temperature => "temperature",
        }
    }

    /// Built-ins of the shell where there are any: a telephone should not be kept busy by being watched.
    fn command(self) -> String {
        match self {
            Self::Properties => {
                let names = properties::ASKED.map(|(name, _)| name).join(" ");
                format!("for p in {names};do echo \"$p=$(getprop $p)\";done")
            }
            Self::Battery => "dumpsys battery".to_owned(),
            Self::Cpu => "cat /proc/stat".to_owned(),
            Self::CpuAgain => "sleep 1;cat /proc/stat".to_owned(),
            Self::Memory => "cat /proc/meminfo".to_owned(),
            Self::Storage => "df /data".to_owned(),
            Self::Network => "cat /proc/net/dev".to_owned(),
            Self::Temperature => "for z in /sys/class/thermal/thermal_zone*;do t=;v=;read -r t <$z/type;read -r v <$z/temp;echo \"$t $v\";done 2>/dev/null;dumpsys thermalservice 2>/dev/null".to_owned(),
        }
    }
}

/// The text that separates the parts of one session's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark(String);

impl Mark {
    /// A mark that is not any other's.
    #[must_use]
    pub fn new(random: u64) -> Self {
        Self(format!("@hearthgate-{random:016x}"))
    }

    /// The commands that read these things, one after the other.
    #[must_use]
    pub fn script(&self, sections: &[Section]) -> String {
        let mut script = format!("m={};", self.0);
        for section in sections {
            script.push_str(&format!(
                "echo \"$m {}\";{};",
                section.name(),
                section.command()
            ));
        }
        script.push_str("echo \"$m end\"");
        script
    }

    /// What each command printed. None where the end is missing: the session was cut off.
    #[must_use]
    pub fn split<'a>(&self, output: &'a str) -> Option<BTreeMap<&'a str, &'a str>> {
        let mut parts = BTreeMap::new();
        for part in output.split(self.0.as_str()).skip(1) {
            let (name, text) = part.split_once('\n').unwrap_or((part, ""));
            parts.insert(name.trim(), text);
        }
        parts.remove("end").map(|_| parts)
    }

    /// A command whose exit code is told at its end.
    #[must_use]
    pub fn with_exit_code(&self, command: &str) -> String {
        format!("{command}\necho \"{} $?\"", self.0)
    }

    /// What such a command printed, and its exit code. None where the end is missing.
    #[must_use]
    pub fn exit_code<'a>(&self, output: &'a str) -> Option<(&'a str, i32)> {
        let (text, code) = output.rsplit_once(self.0.as_str())?;
        Some((text.trim(), code.trim().parse().ok()?))
    }
}

/// What one session printed of a section.
#[must_use]
pub fn part<'a>(parts: &BTreeMap<&str, &'a str>, section: Section) -> Option<&'a str> {
    parts.get(section.name()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adb::wire::LONGEST_REQUEST;

    const ALL: [Section; 8] = [
        Section::Properties,
        Section::Battery,
        Section::Cpu,
        Section::Memory,
        Section::Storage,
        Section::Network,
        Section::Temperature,
        Section::CpuAgain,
    ];

    #[test]
    fn the_whole_script_fits_into_what_the_oldest_device_takes() {
        let script = Mark::new(u64::MAX).script(&ALL);
        assert!(
            script.len() + "shell:".len() < LONGEST_REQUEST,
            "{}",
            script.len()
        );
    }

    /// The script itself, run by a shell of this machine: every section is there, whatever of its commands exists here.
    #[test]
    fn a_shell_runs_it() {
        let mark = Mark::new(7);
        let output = std::process::Command::new("sh")
            .args(["-c", &mark.script(&ALL)])
            .output();
        let output = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
        let output = output.unwrap_or_default();
        let parts = mark.split(&output).unwrap_or_default();
        assert_eq!(parts.len(), ALL.len(), "{output}");
        let ticks = |section| part(&parts, section).and_then(crate::read::cpu::parse);
        let (before, after) = (ticks(Section::Cpu), ticks(Section::CpuAgain));
        let total = |ticks: Option<crate::read::cpu::Ticks>| ticks.map(|ticks| ticks.total);
        assert!(total(before) < total(after), "{before:?} {after:?}");
        assert!(
            part(&parts, Section::Memory)
                .and_then(crate::read::memory::parse)
                .is_some()
        );
        assert!(
            part(&parts, Section::Network)
                .and_then(crate::read::network::parse)
                .is_some()
        );
    }

    #[test]
    fn outputs_are_told_apart_with_and_without_carriage_returns() {
        let mark = Mark::new(1);
        let text = "noise\n@hearthgate-0000000000000001 battery\nlevel: 5\n@hearthgate-0000000000000001 cpu\n@hearthgate-0000000000000001 end\n";
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let parts = mark.split(&text).unwrap_or_default();
            assert_eq!(parts["battery"].trim(), "level: 5");
            assert_eq!(part(&parts, Section::Cpu), Some(""));
            assert_eq!(part(&parts, Section::Memory), None);
            let cut = &text[..text.len() - 6];
            assert_eq!(mark.split(cut), None, "{cut}");
        }
    }

    #[test]
    fn exit_codes() {
        let mark = Mark::new(1);
        let check = |output: &str, expected: Option<(&str, i32)>| {
            assert_eq!(mark.exit_code(output), expected)
        };
        check(
            "done\r\n@hearthgate-0000000000000001 0\r\n",
            Some(("done", 0)),
        );
        check("@hearthgate-0000000000000001 252\n", Some(("", 252)));
        check("half", None);
        check("@hearthgate-0000000000000001 x\n", None);
        let script = mark.with_exit_code("false");
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output();
        let output = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
        check(&output.unwrap_or_default(), Some(("", 1)));
    }
}
