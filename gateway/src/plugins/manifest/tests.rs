use super::*;

const GOOD: &str = r##"
    [plugin]
    id = "announce"
    version = "0.1.0"
    api = "0.2"
    description = "Announces"
    [offers]
    messages = ["announce"]
    [publishes]
    kinds = ["notification.sent"]
    [kinds."acme.blink"]
    type = "object"
    [requests]
    publish = ["notification/#"]
    gateway = ["stats"]
    system = true
    [requests.optional]
    connect = ["${config.url}"]
    [config]
    type = "object"
    additionalProperties = false
"##;

#[test]
fn a_manifest_is_read_whole() {
    let manifest = Manifest::parse(GOOD).expect("a good manifest");
    assert_eq!(manifest.id, "announce");
    assert_eq!(manifest.messages, ["announce"]);
    assert!(manifest.required.system);
    assert!(manifest.required.connect.is_empty());
    let connect: Vec<_> = manifest.all(|r| &r.connect).collect();
    assert_eq!(connect, ["${config.url}"]);
    assert!(manifest.config.is_some());
}

fn refused(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "{from} is not in the example");
    let error = Manifest::parse(&GOOD.replace(from, to)).expect_err(expected);
    assert!(
        error.0.contains(expected),
        "{:?} should say {expected:?}",
        error.0
    );
}

#[test]
fn what_is_wrong_is_named() {
    refused(
        "[offers]",
        "[ofers]",
        r#"unknown key ofers; did you mean "offers"?"#,
    );
    refused(
        "publish =",
        "publsh =",
        r#"requests.publsh; did you mean "publish"?"#,
    );
    refused(
        "connect =",
        "conect =",
        r#"requests.optional.conect; did you mean "connect"?"#,
    );
    refused(
        "api =",
        "abi =",
        r#"unknown key plugin.abi; did you mean "api"?"#,
    );
    refused(
        r#"["stats"]"#,
        r#"["stat"]"#,
        r#"unknown "stat"; did you mean "stats"?"#,
    );
    refused("notification/#", "noti#", "requests.publish: topic filter");
    refused("notification.sent", "gateway.up", "the gateway's own");
    refused(r#"id = "announce""#, r#"id = "../x""#, "must be 1 to 64");
    refused(r#"version = "0.1.0""#, "", "version");
    refused(
        "additionalProperties = false",
        "properties = 3",
        "config is not a valid JSON Schema",
    );
}
