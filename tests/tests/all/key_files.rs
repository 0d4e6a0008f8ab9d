//! Certificates and keys that can't be used: told before a gateway starts, and before a reload changes anything.

use hearthgate_tests::secure::Authority;
use hearthgate_tests::tokens::Issuer;
use hearthgate_tests::{Client, Setup, plugins};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The exit code and what was said.
fn said(command: &str, file: &Path) -> (Option<i32>, String) {
    let output = Command::new(plugins::binary())
        .args([command, "--config"])
        .arg(file)
        .output()
        .expect("the binary starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), text)
}

/// A file, and a part of what must be said of it.
fn mistakes(folder: &Path) -> Vec<(String, &'static str)> {
    let (one, other) = (Authority::new(), Authority::new());
    let path = |name: &str| folder.join(name);
    one.sign(None).write(&path("a.pem"), &path("a.key"));
    other.sign(None).write(&path("b.pem"), &path("b.key"));
    std::fs::write(path("text.pem"), "nothing of the sort").expect("written");
    std::fs::copy(path("a.key"), path("private.pem")).expect("copied");
    let tls = |keys: &str| {
        format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = {{ {keys} }}\n[access]\npublic = [\"a\"]\n"
        )
    };
    let issuer = |key: &str| format!("[[auth.issuer]]\nkey = {{ {key} }}\n");
    vec![
        (
            tls("certificate = \"a.pem\", key = \"b.key\""),
            "g.toml:3:38: listener[0].tls.key: ",
        ),
        (
            tls("certificate = \"a.pem\", key = \"b.key\""),
            "b.key does not belong to the certificate ",
        ),
        (
            tls("certificate = \"gone.pem\", key = \"a.key\""),
            "g.toml:3:23: listener[0].tls.certificate: ",
        ),
        (
            tls("certificate = \"a.pem\", key = \"a.key\", client-ca = \"text.pem\""),
            "listener[0].tls.client-ca: ",
        ),
        (
            "[admin]\naddress = \"127.0.0.1:0\"\ntls = { certificate = \"a.pem\", key = \"text.pem\" }\n"
                .to_owned(),
            "g.toml:3:38: admin.tls.key: ",
        ),
        (
            issuer("file = \"private.pem\""),
            "this is a private key; the gateway needs the public one",
        ),
        (issuer("file = \"gone.pem\""), "auth.issuer[0].key: "),
    ]
}

#[test]
fn a_file_that_can_not_be_used_is_told_with_its_place_before_anything_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("g.toml");
    for (text, part) in mistakes(folder.path()) {
        std::fs::write(&file, &text).expect("written");
        // Two: systemd does not start it again.
        for command in ["check", "run"] {
            let (code, said) = said(command, &file);
            assert_eq!(code, Some(2), "{command}: {said}\nof\n{text}");
            assert!(said.contains(part), "{command}: {said}\nof\n{text}");
        }
    }
}

#[test]
fn a_certificate_that_a_plugin_should_trust_is_looked_at_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("g.toml");
    let directory = plugins::target().join("plugins");
    let text = format!(
        "[plugins]\ndirectory = {directory:?}\n[sources.host]\nplugin = \"metrics\"\ngrants = {{ publish = [\"metrics/#\"], system = true }}\ntls-ca = [\"gone.pem\"]\n"
    );
    std::fs::write(&file, text).expect("written");
    let (code, said) = said("check", &file);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("g.toml:6:11: sources.host.tls-ca[0]: "),
        "{said}"
    );
}

#[tokio::test]
async fn a_reload_with_a_key_that_can_not_be_used_changes_nothing() {
    let issuer = Issuer::default();
    let setup = Setup::new();
    let section = issuer.section(setup.folder());
    let gateway = setup.toml(&section).start().await;
    let bearer = format!("Bearer {}", issuer.token("alice", &[]));
    let greeted = || async {
        let headers = [("authorization", &*bearer)];
        let client = Client::connect_with(gateway.address(), "/ws", &headers).await;
        client.welcome["identity"]["subject"].clone()
    };
    assert_eq!(greeted().await, "alice");
    gateway.configure(|text| text.replace("issuer.pem", "gone.pem"));
    let report = gateway
        .admin()
        .post("/api/v1/config/reload", &Value::Null)
        .await;
    let said = report.text();
    assert_eq!(report.status, 409, "{said}");
    assert!(said.contains("auth.issuer[0].key"), "{said}");
    assert_eq!(greeted().await, "alice");
}
