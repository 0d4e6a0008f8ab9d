use super::*;
use crate::config::{Grants, Limits, Role as Place, SecretSource};
use crate::event::TopicFilter;
use crate::plugins::package::Hash;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const MANIFEST: &str = r##"
    [plugin]
    id = "bridge"
    version = "0.1.0"
    api = "0.2"
    [offers]
    messages = ["light"]
    [requests]
    publish = ["entity/#"]
    secrets = ["token"]
    system = true
    [config]
    type = "object"
    additionalProperties = false
    [config.properties.url]
    type = "string"
"##;

fn package() -> Package {
    Package {
        path: "bridge.wasm".into(),
        hash: Hash::of(b""),
        bytes: Vec::new().into(),
        manifest: Manifest::parse(MANIFEST).expect("a good manifest"),
        roles: BTreeSet::from([Role::Handler]),
        capabilities: BTreeSet::new(),
    }
}

fn instance() -> Instance {
    Instance {
        name: InstanceName::parse("home").expect("a name"),
        role: Place::Source,
        plugin: "bridge".to_owned(),
        enabled: true,
        config: serde_json::Map::new(),
        secrets: BTreeMap::from([("token".to_owned(), SecretSource::Env("T".to_owned()))]),
        tls_ca: Vec::new(),
        grants: Grants {
            publish: vec![TopicFilter::parse("entity/+/state").expect("a filter")],
            system: true,
            handle: vec!["light".to_owned()],
            ..Grants::default()
        },
        limits: Limits::default(),
    }
}

fn found(change: impl FnOnce(&mut Instance)) -> Vec<(String, String, Severity)> {
    let mut instance = instance();
    change(&mut instance);
    check_instance(&package(), &instance)
        .into_iter()
        .map(|p| (p.key, p.message, p.severity))
        .collect()
}

fn one(change: impl FnOnce(&mut Instance), key: &str, message: &str, severity: Severity) {
    assert_eq!(
        found(change),
        [(key.to_owned(), message.to_owned(), severity)]
    );
}

#[test]
fn what_fits_has_no_problem() {
    assert_eq!(found(|_| ()), []);
}

#[test]
fn what_is_needed_must_be_granted() {
    use Severity::Error;
    one(
        |i| i.grants.system = false,
        "grants.system",
        "the plugin needs the machine's figures: set system = true",
        Error,
    );
    one(
        |i| i.grants.publish.clear(),
        "grants.publish",
        "the plugin needs \"entity/#\", and no grant covers any of it: write publish = [\"entity/#\"]",
        Error,
    );
    one(
        |i| i.secrets.clear(),
        "secrets",
        "the plugin needs the secret \"token\": add it",
        Error,
    );
    one(
        |i| i.grants.handle.push("ligth".to_owned()),
        "grants.handle",
        "the plugin does not answer messages of type \"ligth\"; did you mean \"light\"?",
        Error,
    );
    one(
        |i| drop(i.config.insert("ulr".to_owned(), json!("x"))),
        "config.ulr",
        "unknown key; did you mean \"url\"?",
        Error,
    );
}

#[test]
fn what_nobody_asked_for_is_told() {
    use Severity::Warning;
    one(
        |i| {
            i.grants
                .publish
                .push(TopicFilter::parse("#").expect("a filter"))
        },
        "grants.publish.1",
        "\"#\" is wider than what the plugin asks for (\"entity/#\"); only that is granted",
        Warning,
    );
    one(
        |i| i.grants.handle.clear(),
        "grants.handle",
        "messages of type \"light\" are not granted, so nobody can send them",
        Warning,
    );
}

#[test]
fn requests_take_values_from_the_configuration() {
    let config = json!({ "url": "ws://a", "hosts": ["b", "c"], "inner": { "port": 1 }, "targets": [{ "url": "http://d" }, {}, { "url": "http://e" }] });
    let serde_json::Value::Object(config) = config else {
        panic!("an object")
    };
    for (request, expected) in [
        ("plain", vec!["plain"]),
        ("${config.url}", vec!["ws://a"]),
        (
            "tcp://${config.hosts}:${config.inner.port}",
            vec!["tcp://b:1", "tcp://c:1"],
        ),
        ("${config.targets.url}", vec!["http://d", "http://e"]),
        ("${config.absent}", vec![]),
    ] {
        assert_eq!(expand(request, &config), expected, "{request}");
    }
}

#[test]
fn what_it_can_do_without_is_not_asked_for_where_the_configuration_leaves_it_empty() {
    let text = MANIFEST.replace(
        "[config]",
        "[requests.optional]\nconnect = [\"${config.url}\", \"${config.more.url}\"]\n[config]",
    );
    let manifest = Manifest::parse(&text).expect("a good manifest");
    let wanted = |config: serde_json::Value| {
        let serde_json::Value::Object(config) = config else {
            panic!("no object")
        };
        expanded(&manifest, &config, |r| &r.connect)
    };
    assert_eq!(wanted(json!({})), [""; 0]);
    assert_eq!(wanted(json!({ "url": "", "more": { "url": "" } })), [""; 0]);
    assert_eq!(wanted(json!({ "url": ["", "ws://a"] })), ["ws://a"]);
    let required = text.replace("[requests.optional]\n", "");
    let manifest = Manifest::parse(&required).expect("a good manifest");
    let config = serde_json::Map::from_iter([("url".to_owned(), json!(""))]);
    assert_eq!(
        expanded(&manifest, &config, |r| &r.connect),
        [""],
        "an error follows"
    );
}

#[test]
fn a_route_to_a_plugin_without_that_role_is_told() {
    let mut package = package();
    assert_eq!(
        lacks(&package, &instance(), Role::Routes).as_deref(),
        Some(
            r#"leads to home, but its plugin bridge does not have the role "routes"; it has handler"#
        )
    );
    package.roles.insert(Role::Routes);
    assert_eq!(lacks(&package, &instance(), Role::Routes), None);
}
