//! `cargo xtask test --real`: installs the real parts, then runs the tests that use them.

mod autobahn;
mod clients;
mod debian;
mod home_assistant;

use crate::shell::execute;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Something that tests need and that is installed on the way.
struct Part {
    /// The modules of `tests/tests/real` that use it.
    tests: &'static [&'static str],
    /// The environment variable that tells them where it is.
    variable: &'static str,
    /// Installs it into a folder where it is missing, and says where it is.
    install: fn(&Path) -> Result<PathBuf>,
}

/// All of them. What Debian packages is installed by `debian::program("PACKAGE", "PROGRAM")`.
const PARTS: &[Part] = &[
    Part {
        tests: &["acme"],
        variable: "HEARTHGATE_PEBBLE",
        install: |_| debian::program("pebble", "pebble"),
    },
    Part {
        tests: &["adb"],
        variable: "HEARTHGATE_ADB",
        install: |_| debian::program("adb", "adb"),
    },
    Part {
        tests: &["autobahn"],
        variable: "HEARTHGATE_WSTEST",
        install: autobahn::install,
    },
    Part {
        tests: &["clients", "androidzen", "pma"],
        variable: "HEARTHGATE_PYTHON",
        install: clients::python,
    },
    Part {
        tests: &["clients", "androidzen", "homeguard", "pma"],
        variable: "HEARTHGATE_NODE_MODULES",
        install: clients::node,
    },
    Part {
        tests: &["home_assistant"],
        variable: "HEARTHGATE_HASS",
        install: home_assistant::install,
    },
    Part {
        tests: &["mqtt"],
        variable: "HEARTHGATE_MOSQUITTO",
        install: |_| debian::program("mosquitto", "mosquitto"),
    },
    Part {
        tests: &["mqtt"],
        variable: "HEARTHGATE_MOSQUITTO_SUB",
        install: |_| debian::program("mosquitto-clients", "mosquitto_sub"),
    },
    Part {
        tests: &["metrics"],
        variable: "HEARTHGATE_NODE_EXPORTER",
        install: |_| debian::program("prometheus-node-exporter", "prometheus-node-exporter"),
    },
    Part {
        tests: &["security", "homeguard"],
        variable: "HEARTHGATE_IP",
        install: |_| debian::program("iproute2", "ip"),
    },
    Part {
        tests: &["security", "homeguard"],
        variable: "HEARTHGATE_NFT",
        install: |_| debian::program("nftables", "nft"),
    },
    Part {
        tests: &["security"],
        variable: "HEARTHGATE_LOGROTATE",
        install: |_| debian::program("logrotate", "logrotate"),
    },
    Part {
        tests: &["security"],
        variable: "HEARTHGATE_FAIL2BAN",
        install: |_| debian::program("fail2ban", "fail2ban-server"),
    },
];

/// Installs what is missing and runs the test binary that needs it: all of it, or the tests whose name holds `filter`.
pub fn test(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    let folder = workspace.target.join("real");
    std::fs::create_dir_all(&folder)?;
    // The whole workspace's selection, as everywhere: another one would have other features, and compile wasmtime anew.
    let mut tests = workspace.cargo(&[
        "test",
        "--workspace",
        "--features",
        "hearthgate-tests/real",
        "--test",
        "real",
    ]);
    for part in PARTS.iter().filter(|part| part.serves(filter)) {
        let missing = || format!("{} could not be installed", part.variable);
        let place = (part.install)(&folder).with_context(missing)?;
        tests.env(part.variable, place);
    }
    // One at a time: they share ports that real servers insist on, and a machine that they keep busy.
    execute(tests.args(filter).args(["--", "--test-threads", "1"]))
}

impl Part {
    /// Whether a test that the filter lets through may need it.
    fn serves(&self, filter: Option<&str>) -> bool {
        let Some(filter) = filter else { return true };
        let module = filter.split("::").next().unwrap_or_default();
        self.tests
            .iter()
            .any(|test| test.contains(module) || module.contains(test))
    }
}
