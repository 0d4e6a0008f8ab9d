//! The command line: what it prints, and its exit codes.

use hearthgate_tests::plugins::{binary, compiled};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const INSPECTED: &str = r#"clock VERSION  Tells how long it has been running
  size          SIZE bytes
  sha256        HASH
  roles         source
  capabilities  publish
  publishes     device.metrics
  answers       none
  needs         publish = ["device/clock/#"]
  configuration (JSON Schema)
    {
      "additionalProperties": false,
      "properties": {
        "interval": {
          "default": "1s",
          "description": "Time between two ticks",
          "type": "string"
        }
      },
      "type": "object"
    }
"#;

const NO_WASM: &str = "not a valid WebAssembly component: it is not WebAssembly at all";

/// A folder with a plugin, a broken one, and a configuration.
fn folder() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("plugins")).expect("a new folder");
    std::fs::copy(compiled("clock"), path("plugins/clock.wasm")).expect("a guest");
    std::fs::write(path("plugins/junk.wasm"), "junk").expect("a new file");
    let config = "[plugins]\ndirectory = \"plugins\"\n[sources.tick]\nplugin = \"clock\"\n";
    std::fs::write(path("good.toml"), config).expect("a new file");
    std::fs::write(path("bad.toml"), "[plugins]\ndirectori = \"plugins\"\n").expect("a new file");
    folder
}

/// The exit code, what was printed, and what was complained about; without what differs from build to build.
fn run(folder: &Path, arguments: &str) -> (i32, String, String) {
    let output = Command::new(binary())
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("the binary runs");
    let guest = std::fs::read(compiled("clock")).expect("a guest");
    let size = guest.len().to_string();
    let mask = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace(&size, "SIZE");
        let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        let hash = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
        let word = |c: char| !c.is_ascii_alphanumeric();
        match text.split(word).find(hash) {
            Some(found) => text.replace(found, "HASH"),
            None => text,
        }
    };
    let code = output.status.code().expect("it ends by itself");
    (code, mask(&output.stdout), mask(&output.stderr))
}

fn json_of(folder: &Path, arguments: &str) -> (i32, Value) {
    let (code, printed, complaint) = run(folder, arguments);
    assert_eq!(complaint, "", "{arguments}");
    // A masked size is a number no longer.
    let printed = printed.replace(": SIZE", ": 0");
    (
        code,
        serde_json::from_str(&printed).expect("it prints JSON"),
    )
}

#[test]
fn each_command_prints_its_text() {
    let folder = folder();
    let list = format!(
        "clock                VERSION      source                       used by tick\nplugins/junk.wasm: can't be loaded: {NO_WASM}\n"
    );
    let junk = format!("plugins/junk.wasm: {NO_WASM}\n");
    let ok = |text: &str| (0, text.to_owned(), String::new());
    let failed = |text: &str| (1, String::new(), text.to_owned());
    for (arguments, expected) in [
        ("version", ok("hearthgate VERSION\n")),
        ("plugin list --config good.toml", ok(&list)),
        ("plugin inspect plugins/clock.wasm", ok(INSPECTED)),
        ("plugin inspect plugins/junk.wasm", failed(&junk)),
        (
            "plugin inspect nowhere.wasm",
            failed("no such file: nowhere.wasm\n"),
        ),
        (
            "plugin check plugins/clock.wasm",
            ok("plugins/clock.wasm: ok\n"),
        ),
        ("plugin check plugins/junk.wasm", failed(&junk)),
    ] {
        let found = run(folder.path(), arguments);
        // The columns are as wide as the version was.
        let squeeze = |text: &str| {
            text.split(' ')
                .filter(|w| !w.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(found.0, expected.0, "{arguments}: {found:?}");
        assert_eq!(squeeze(&found.1), squeeze(&expected.1), "{arguments}");
        assert_eq!(found.2, expected.2, "{arguments}");
    }
}

#[test]
fn each_command_prints_json() {
    let folder = folder();
    let nothing = json!({"call": [], "commands": [], "connect": [], "files": [], "gateway": [], "publish": [], "reveal": [], "secrets": [], "subscribe": [], "system": false});
    let mut requests = nothing.clone();
    requests["publish"] = json!(["device/clock/#"]);
    let interval =
        json!({"default": "1s", "description": "Time between two ticks", "type": "string"});
    let clock = json!({
        "id": "clock", "hash": "HASH", "size": 0, "roles": ["source"], "capabilities": ["publish"],
        "manifest": {
            "id": "clock", "version": "VERSION", "api": "0.2", "description": "Tells how long it has been running",
            "offers": {"messages": []}, "publishes": {"kinds": ["device.metrics"]}, "kinds": {},
            "requests": requests, "optional": nothing,
            "config": {"type": "object", "additionalProperties": false, "properties": {"interval": interval}},
        },
    });
    let version = json!({
        "name": "hearthgate", "version": "VERSION", "protocol": 1, "plugin_api": "0.2",
        "os": std::env::consts::OS, "architecture": std::env::consts::ARCH,
    });
    let junk = "plugins/junk.wasm";
    let list = json!({"directory": "plugins", "plugins": [
        {"file": "plugins/clock.wasm", "instances": ["tick"], "plugin": clock},
        {"file": junk, "instances": [], "error": NO_WASM},
    ]});
    let good = json!({"file": "plugins/clock.wasm", "ok": true, "id": "clock", "hash": "HASH"});
    let bad = json!({"file": junk, "ok": false, "error": format!("{junk}: {NO_WASM}")});
    for (arguments, expected) in [
        ("version --json", (0, version)),
        ("plugin list --json --config good.toml", (0, list)),
        ("plugin inspect --json plugins/clock.wasm", (0, clock)),
        ("plugin check --json plugins/clock.wasm", (0, good)),
        ("plugin check --json plugins/junk.wasm", (1, bad)),
    ] {
        assert_eq!(json_of(folder.path(), arguments), expected, "{arguments}");
    }
}

#[test]
fn what_is_wrong_itself_is_code_2() {
    let folder = folder();
    for (arguments, said) in [
        ("plugin list --config bad.toml", "directori"),
        ("check --config bad.toml", "directori"),
        ("plugin frobnicate", "frobnicate"),
        ("version --yaml", "--yaml"),
    ] {
        let (code, printed, complaint) = run(folder.path(), arguments);
        assert_eq!(
            (code, printed.as_str()),
            (2, ""),
            "{arguments}: {complaint}"
        );
        assert!(complaint.contains(said), "{arguments}: {complaint}");
    }
}
