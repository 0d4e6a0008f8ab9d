//! Which keys take effect at the next start only.

use crate::config::Config;

/// A key of the file, whether two configurations differ in it, and how to take it over.
type Fixed = (
    &'static str,
    fn(&Config, &Config) -> bool,
    fn(&Config, &mut Config),
);

macro_rules! fixed {
    ($($name:literal => $($field:ident).+),* $(,)?) => {
        &[$(($name, |a, b| a.$($field).+ != b.$($field).+, |from, to| to.$($field).+ = from.$($field).+.clone())),*]
    };
}

/// The keys that are described as such in the reference; a test holds the two together.
const FIXED: &[Fixed] = fixed! {
    "admin.address" => admin.address,
    "admin.allowed-hosts" => admin.allowed_hosts,
    "admin.require-token" => admin.require_token,
    "admin.role" => admin.role,
    "admin.tls" => admin.tls,
    "auth.login.at-once" => auth.login.at_once,
    "connections.shards" => connections.shards,
    "connections.shard-queue" => connections.shard_queue,
    "plugins.directory" => plugins.directory,
    "plugins.state-directory" => plugins.state_directory,
    "log.format" => log.format,
};

/// The keys whose change needs a restart. `admin.enabled` shows as a change of `admin.address`.
pub fn needs_restart(before: &Config, after: &Config) -> Vec<&'static str> {
    let changed = FIXED
        .iter()
        .filter(|(_, differs, _)| differs(before, after));
    changed.map(|(name, ..)| *name).collect()
}

/// Puts the values that hold back into a configuration that is about to be applied.
pub fn keep_what_needs_restart(before: &Config, after: &mut Config) {
    for (_, _, keep) in FIXED {
        keep(before, after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::{Change, Key, Shape};
    use crate::config::reference::TOP;

    fn described(keys: &[Key], path: &str, found: &mut Vec<String>) {
        for key in keys {
            let path = format!("{path}{}", key.name);
            if key.change == Change::Restart && path != "admin.enabled" {
                found.push(path.clone());
            }
            if let Shape::Section(keys) | Shape::Sections(keys) | Shape::Named(keys) = key.shape {
                described(keys, &format!("{path}."), found);
            }
        }
    }

    #[test]
    fn these_are_the_keys_that_the_reference_says_need_a_restart() {
        let mut expected = Vec::new();
        described(TOP, "", &mut expected);
        let mut found: Vec<_> = FIXED.iter().map(|(name, ..)| (*name).to_owned()).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_change_is_named_and_kept_for_the_next_start() {
        let before = Config::default();
        let text = "[connections]\nshards = 3\nmax-connections = 7\n[log]\nformat = \"json\"";
        let mut after = Config::parse(text).expect("a valid configuration");
        assert_eq!(
            needs_restart(&before, &after),
            ["connections.shards", "log.format"]
        );
        keep_what_needs_restart(&before, &mut after);
        assert_eq!(after.connections.shards, before.connections.shards);
        assert_eq!(after.connections.max_connections, 7);
    }
}
