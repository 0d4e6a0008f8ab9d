//! Tokens and hashes of the command line, held against a gateway that runs with the same configuration; and what `check`
//! warns of.

use hearthgate_tests::plugins::{binary, compiled};
use hearthgate_tests::{Admin, Client, Gateway, Setup, tokens};
use hyper::Method;
use jsonwebtoken::{EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const SECRET: &str = "a secret of forty bytes, or thereabouts.";
const ISSUERS: &str = "[[auth.issuer]]\nissuer = \"home\"\naudience = [\"gate\"]\nkey = { file = \"secret.key\" }\n\
                       [[auth.issuer]]\nissuer = \"ed\"\nkey = { file = \"ed.pem\" }\n";

/// Exit code, output, and what was complained about.
fn run(folder: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(binary())
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Who does not read it has ended, and that is seen below.
    let _unread = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let code = output.status.code().expect("it ends by itself");
    (code, text(&output.stdout), text(&output.stderr))
}

/// A folder with the keys of two issuers, private and public.
fn issuers() -> Setup {
    let setup = Setup::new();
    let pair = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    for (name, text) in [
        ("secret.key", format!("{SECRET}\n")),
        ("ed.pem", pair.public_key_pem()),
        ("ed.private", pair.serialize_pem()),
    ] {
        std::fs::write(setup.folder().join(name), text).expect("written");
    }
    setup.toml(ISSUERS)
}

async fn welcomed(gateway: &Gateway, token: &str) -> Value {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", &*bearer)];
    let client = Client::connect_with(gateway.address(), "/ws", &headers).await;
    client.welcome["identity"].clone()
}

#[tokio::test]
async fn a_minted_token_is_taken_by_the_gateway_and_inspect_says_what_it_is() {
    let gateway = issuers().start().await;
    let home = "token mint --key secret.key --issuer home --audience gate --subject alice --role family --role admin --lifetime 10m --claim tenant=barn --claim level=3";
    let ed = "token mint --key ed.private --issuer ed --subject bob";
    let mut minted = Vec::new();
    for (arguments, identity) in [
        (
            home,
            json!({"subject": "alice", "roles": ["family", "admin"]}),
        ),
        (ed, json!({"subject": "bob", "roles": []})),
    ] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let (code, token, complaint) = run(gateway.folder(), &arguments, "");
        assert_eq!((code, &*complaint), (0, ""));
        assert_eq!(welcomed(&gateway, &token).await, identity);
        minted.push(token);
    }
    // From stdin, so that the token is in no list of processes.
    let inspect = ["token", "inspect", "--config", "hearthgate.toml"];
    let (code, shown, _) = run(gateway.folder(), &inspect, &minted[0]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!((code, &shown["kind"]), (0, &json!("jwt")), "{shown}");
    assert_eq!(shown["header"]["alg"], "HS256");
    assert_eq!(shown["claims"]["tenant"], "barn");
    assert_eq!(shown["claims"]["level"], 3);
    assert_eq!(shown["verified"]["subject"], "alice");
    assert_eq!(
        shown["verified"]["expires_at"], shown["times"]["exp"],
        "{shown}"
    );
    let (_, shown, _) = run(gateway.folder(), &["token", "inspect", &minted[1]], "");
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["verified"], "not checked: no --config was given");
}

#[test]
fn inspect_says_why_a_token_is_not_taken() {
    let setup = issuers();
    std::fs::write(setup.folder().join("gate.toml"), setup.text()).expect("written");
    let sign = |key: &str, more: Value| {
        let mut claims =
            json!({"iss": "home", "aud": "gate", "sub": "alice", "exp": tokens::in_seconds(60)});
        for (name, value) in more.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        let key = EncodingKey::from_secret(key.as_bytes());
        jsonwebtoken::encode(&Header::default(), &claims, &key).expect("signed")
    };
    for (token, reason) in [
        (
            sign(SECRET, json!({"exp": tokens::in_seconds(-600)})),
            "expired",
        ),
        (
            sign(SECRET, json!({"nbf": tokens::in_seconds(600)})),
            "not valid yet",
        ),
        (sign(SECRET, json!({"aud": "another"})), "audience"),
        (sign(SECRET, json!({"iss": "nobody"})), "issuer"),
        (
            sign("another secret of more than forty bytes.", json!({})),
            "signature",
        ),
        (sign(SECRET, json!({"sub": 1.5})), "sub"),
        ("hgt_0000".to_owned(), "not known"),
        ("nonsense".to_owned(), "not known"),
    ] {
        let arguments = ["token", "inspect", "--config", "gate.toml"];
        let (code, shown, _) = run(setup.folder(), &arguments, &token);
        let shown: Value = serde_json::from_str(&shown).expect("JSON");
        let why = shown["verified"]["refused"].as_str().unwrap_or_default();
        assert!(why.to_lowercase().contains(reason), "{reason}: {shown}");
        assert_ne!(code, 0, "{reason}");
    }
}

#[tokio::test]
async fn an_api_token_works_with_the_lines_that_came_with_it() {
    let setup = Setup::new();
    let mint = [
        "token",
        "mint",
        "--api",
        "ci",
        "--subject",
        "robot",
        "--role",
        "robots",
        "--lifetime",
        "90d",
    ];
    let (code, printed, _) = run(setup.folder(), &mint, "");
    assert_eq!(code, 0, "{printed}");
    let token = printed
        .lines()
        .find(|line| line.starts_with("hgt_"))
        .expect("a token");
    let (_, lines) = printed
        .split_once("# For the configuration:\n")
        .expect("lines");
    assert!(
        !lines.contains(token),
        "the configuration gets the hash alone"
    );
    let gateway = setup.toml(lines).start().await;
    let identity = json!({"subject": "robot", "roles": ["robots"]});
    assert_eq!(welcomed(&gateway, token).await, identity);
    let inspect = ["token", "inspect", token, "--config", "hearthgate.toml"];
    let (code, shown, _) = run(gateway.folder(), &inspect, "");
    assert!(
        code == 0 && shown.contains("\"api-token\"") && shown.contains("token:ci"),
        "{shown}"
    );
}

const HOMEGUARD: &str = r#"
[[access.rule]]
roles = ["admin"]
read = ["alert/#"]
[handlers.homeguard]
plugin = "homeguard"
grants = { subscribe = ["alert/#", "device/#"], gateway = ["login"] }
"#;
const LOGIN: &str = r#"query-token = true
routes = [
    { path = "/ws", dialect = "native", authentication = "required" },
    { path = "/api/auth/login", plugin = "homeguard", authentication = "lenient" },
]"#;

#[tokio::test]
async fn a_hashed_password_logs_in_through_a_plugin_and_its_token_opens_the_socket() {
    let setup = Setup::new().plugin("homeguard");
    let (code, line, complaint) = run(setup.folder(), &["auth", "hash"], "correct horse\n");
    assert_eq!((code, &*complaint), (0, ""), "{line}");
    assert!(line.starts_with("password-hash = '$argon2id$"), "{line}");
    let (_, again, _) = run(setup.folder(), &["auth", "hash"], "correct horse\n");
    assert_ne!(line, again, "each has a salt of its own");
    let (code, ..) = run(setup.folder(), &["auth", "hash", "correct horse"], "");
    assert_ne!(code, 0, "no password is taken from the list of arguments");
    let (code, printed, _) = run(setup.folder(), &["auth", "hash"], "\n");
    assert!(code != 0 && printed.is_empty(), "an empty password is none");
    let user = format!("[auth.users.ann]\n{line}\nroles = [\"admin\"]\n");
    let gateway = setup
        .toml(&user)
        .toml(HOMEGUARD)
        .listener(LOGIN)
        .start()
        .await;
    gateway.in_state("homeguard", "running").await;
    let login = async |password: &str| {
        let body = json!({"username": "ann", "password": password}).to_string();
        let page = Admin::new(gateway.address());
        page.ask(Method::POST, "/api/auth/login", Some(body)).await
    };
    assert_eq!(login("correct hors").await.status, 401);
    let answer = login("correct horse").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let token = answer["access_token"].as_str().expect("a token");
    let client = Client::connect(gateway.address(), &format!("/ws?token={token}")).await;
    let ann = json!({"subject": "ann", "roles": ["admin"]});
    assert_eq!(client.welcome["identity"], ann);
    assert!(Client::open(gateway.address(), "/ws").await.is_err());
}

const PATHS: &str = r#"routes = [
    { path = "/ws", dialect = "native" },
    { path = "/open/{*rest}", plugin = "polly" },
    { path = "/closed/{*rest}", plugin = "polly", authentication = "required" },
]"#;
const RULES: &str = r##"
[access]
public = ["#"]
[[access.rule]]
roles = ["admin"]
routes = ["/open/admin/*", "/closed/admin/*"]
[[access.rule]]
roles = ["family", "admin"]
routes = ["/open/family"]
[handlers.polly]
plugin = "parrot"
grants = { handle = ["parrot"] }
"##;

#[tokio::test]
async fn a_path_that_rules_name_is_for_those_whom_they_fit() {
    let setup = issuers().plugin("parrot").listener(PATHS).access(RULES);
    let gateway = setup.start().await;
    gateway.in_state("polly", "running").await;
    let of = |role: &str| {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let claims = json!({"iss": "home", "aud": "gate", "sub": "x", "roles": [role], "exp": tokens::in_seconds(60)});
        jsonwebtoken::encode(&Header::default(), &claims, &key).expect("signed")
    };
    let page = Admin::new(gateway.address());
    let askers = [
        page,
        page.with_token("a.b.c"),
        page.with_token(&of("guest")),
        page.with_token(&of("family")),
        page.with_token(&of("admin")),
    ];
    // Nobody, a liar, a guest, the family, an admin.
    for (path, expected) in [
        ("/open/x", [200, 401, 200, 200, 200]),
        ("/open/admin/x", [403, 401, 403, 403, 200]),
        ("/open/%61dmin/x", [403, 401, 403, 403, 200]),
        ("/open/family", [403, 401, 403, 200, 200]),
        ("/closed/x", [401, 401, 200, 200, 200]),
        ("/closed/admin/x", [401, 401, 403, 403, 200]),
    ] {
        for (asker, expected) in askers.iter().zip(expected) {
            let answer = asker.get(path).await;
            assert_eq!(answer.status, expected, "{path}: {}", answer.text());
        }
    }
}

#[test]
fn check_warns_of_each_setting_that_is_unsafe() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("plugins")).expect("a new folder");
    std::fs::copy(compiled("clock"), folder.path().join("plugins/clock.wasm")).expect("a guest");
    std::fs::write(folder.path().join("short.key"), "hunter2").expect("written");
    let config = |listener: &str, more: &str| {
        format!(
            "[[listener]]\n{listener}\nroutes = [{{ path = \"/ws\", dialect = \"native\" }}]\n\
             [plugins]\ndirectory = \"plugins\"\n[access]\npublic = [\"a/#\"]\n{more}\n"
        )
    };
    let local = "address = \"127.0.0.1:0\"";
    let tick = |grant: &str| {
        format!("[sources.tick]\nplugin = \"clock\"\ngrants = {{ publish = [{grant:?}] }}")
    };
    for (text, words) in [
        (config(local, &tick("device/clock/#")), ""),
        (
            config("address = \"0.0.0.0:0\"", ""),
            "anybody who reaches this address gets in without a token",
        ),
        (
            config(&format!("{local}\nquery-token = true"), ""),
            "tokens in addresses get into the logs",
        ),
        (
            config(&format!("{local}\norigins = [\"*\"]"), ""),
            "any web page can use the gateway",
        ),
        (
            config(local, &tick("device/#")),
            "sources.tick.grants.publish",
        ),
        (
            config(local, "[admin]\naddress = \"0.0.0.0:0\""),
            "[auth] names nobody who could have one",
        ),
        (
            config(local, "[auth.login]\nsigning-key = \"short.key\""),
            "must have at least 32 bytes",
        ),
    ] {
        std::fs::write(folder.path().join("gate.toml"), text).expect("written");
        let (code, said, complaint) = run(folder.path(), &["check", "--config", "gate.toml"], "");
        assert_eq!(code, 0, "{said}{complaint}");
        let warnings: Vec<_> = complaint
            .lines()
            .filter(|line| line.starts_with("warning: "))
            .collect();
        match words {
            "" => assert!(warnings.is_empty(), "{warnings:?}"),
            words => assert!(
                warnings.len() == 1 && warnings[0].contains(words),
                "{words}: {warnings:?}"
            ),
        }
        assert!(!complaint.contains("hunter2"), "{complaint}");
    }
}
