use super::*;
use crate::config::Config;
use crate::event::{Draft, Identity, InstanceName, Labels, Timestamp};
use proptest::prelude::*;
use serde_json::json;

const RULES: &str = r##"
    [access]
    public = ["metrics/#"]
    public-calls = ["announce"]

    [[access.rule]]
    read = ["user/{subject}/#"]
    publish = ["chat/{subject}"]

    [[access.rule]]
    roles = ["admin", "operator"]
    read = ["#"]
    publish = ["#"]
    call = ["*"]
    routes = ["/api/admin/*"]

    [[access.rule]]
    subjects = ["lamp"]
    read = ["entity/#"]
    kinds = ["entity.*"]
    call = ["switch"]

    [[access.rule]]
    claims = { "tenant.name" = ["home", "barn"] }
    read = ["alert/+/open"]
    routes = ["/api/rooms"]
"##;

fn rules() -> Rules {
    Rules::new(&Config::parse(RULES).expect("valid rules").access)
}

fn identity(subject: &str, roles: &[&str]) -> Identity {
    Identity {
        subject: subject.into(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        claims: serde_json::Map::new(),
    }
}

fn event(topic: &str, kind: &str) -> Event {
    Event {
        seq: 1,
        source: InstanceName::gateway(),
        received_at: Timestamp::from_millis(0),
        accepted: std::time::Instant::now(),
        draft: Draft {
            kind: Kind::parse(kind).expect("a kind"),
            topic: Topic::parse(topic).expect("a topic"),
            labels: Labels::default(),
            data: serde_json::value::RawValue::NULL.to_owned(),
            occurred_at: None,
            retain: false,
            audience: Vec::new(),
        },
        native: OnceLock::new(),
    }
}

#[test]
fn each_may_read_what_the_rules_that_fit_say() {
    let mut tenant = identity("carol", &[]);
    tenant.claims = json!({"tenant": {"name": ["attic", "barn"]}})
        .as_object()
        .expect("an object")
        .clone();
    let check = |who: Option<&Identity>, topic: &str, kind: &str, expected: bool| {
        let access = rules().access(who);
        let name = who.map_or("anonymous", |who| &who.subject);
        assert_eq!(
            access.may_read(&event(topic, kind)),
            expected,
            "{name} {topic} {kind}"
        );
    };
    let (alice, admin) = (identity("alice", &[]), identity("root", &["admin"]));
    let lamp = identity("lamp", &["device"]);
    check(None, "metrics/host", "metrics.sample", true);
    check(None, "user/alice/inbox", "chat.said", false);
    check(Some(&alice), "metrics/host", "metrics.sample", true);
    check(Some(&alice), "user/alice/inbox", "chat.said", true);
    check(Some(&alice), "user/bob/inbox", "chat.said", false);
    check(Some(&admin), "user/bob/inbox", "chat.said", true);
    check(Some(&lamp), "entity/a/state", "entity.state_changed", true);
    check(Some(&lamp), "entity/a/state", "chat.said", false);
    check(Some(&tenant), "alert/fire/open", "alert.raised", true);
    check(Some(&alice), "alert/fire/open", "alert.raised", false);
}

#[test]
fn a_subject_can_not_widen_a_pattern() {
    for subject in ["#", "+", "a/b", "alice/#", "", "../bob", "{subject}/#"] {
        let access = rules().access(Some(&identity(subject, &[])));
        for topic in ["user/alice/inbox", "user/bob", "user/a/b/inbox"] {
            assert!(
                !access.may_read(&event(topic, "chat.said")),
                "{subject:?} {topic}"
            );
        }
    }
}

#[test]
fn calls_publishing_and_routes_need_a_rule_too() {
    let rules = rules();
    let (alice, admin) = (identity("alice", &[]), identity("root", &["operator"]));
    let of = |who: Option<&Identity>| rules.access(who);
    assert!(of(None).may_call("announce") && !of(None).may_call("switch"));
    assert!(of(Some(&admin)).may_call("switch") && !of(Some(&alice)).may_call("switch"));
    let publish = |who: &Identity, topic: &str| {
        let topic = Topic::parse(topic).expect("a topic");
        rules
            .access(Some(who))
            .may_publish(&topic, &Kind::parse("chat.said").expect("a kind"))
    };
    assert!(publish(&alice, "chat/alice") && !publish(&alice, "chat/bob"));
    assert!(publish(&admin, "chat/bob"));
    for (path, expected) in [
        ("/api/other", true),
        ("/api/admin", false),
        ("/api/admin/users", false),
        ("/api/%61dmin/users", false),
        ("/api//admin/users", false),
        ("/api/x/../admin/users", false),
        ("/api/rooms", false),
        ("/api/rooms/", false),
        ("/api/rooms/1", true),
        ("/api/administration", true),
    ] {
        assert_eq!(rules.may_ask(Some(&alice), path), expected, "{path}");
        assert_eq!(rules.may_ask(None, path), expected, "{path}");
    }
    assert!(rules.may_ask(Some(&admin), "/api/admin/users"));
}

#[test]
fn those_whom_the_same_rules_fit_share_one_access() {
    let rules = rules();
    let of = |who: &Identity| rules.access(Some(who));
    let (a, b) = (
        identity("root", &["admin"]),
        identity("root", &["admin", "x"]),
    );
    assert!(Arc::ptr_eq(&of(&a), &of(&b)));
    assert!(
        !Arc::ptr_eq(&of(&a), &of(&identity("root2", &["admin"]))),
        "a pattern names the subject"
    );
    let without = Rules::new(
        &Config::parse("[access]\npublic = [\"#\"]")
            .expect("valid")
            .access,
    );
    assert!(without.access(Some(&a)).reads_all());
    assert!(Arc::ptr_eq(
        &without.access(Some(&a)),
        &without.access(None)
    ));
}

fn level() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("+".to_owned())
    ]
}

fn filter_text() -> impl Strategy<Value = String> {
    (prop::collection::vec(level(), 0..4), any::<bool>()).prop_map(|(mut levels, rest)| {
        if rest || levels.is_empty() {
            levels.push("#".to_owned());
        }
        levels.join("/")
    })
}

/// All topics of up to five levels of three names: enough to tell any two filters apart that have no more levels.
fn topics() -> Vec<Topic> {
    let mut all: Vec<String> = vec![String::new()];
    let mut topics = Vec::new();
    for _ in 0..5 {
        all = all
            .iter()
            .flat_map(|t| {
                ["a", "b", "c"].map(|l| {
                    if t.is_empty() {
                        l.to_owned()
                    } else {
                        format!("{t}/{l}")
                    }
                })
            })
            .collect();
        topics.extend(all.iter().map(|t| Topic::parse(t).expect("a topic")));
    }
    topics
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn filters_overlap_where_a_topic_matches_both(one in filter_text(), other in filter_text()) {
        let (one, other) = (TopicFilter::parse(&one).expect("one"), TopicFilter::parse(&other).expect("other"));
        let naive = topics().iter().any(|topic| one.matches(topic) && other.matches(topic));
        prop_assert_eq!(one.overlaps(&other), naive, "{} {}", one, other);
        prop_assert_eq!(other.overlaps(&one), naive);
    }

    #[test]
    fn what_could_be_read_is_what_some_event_is(
        allowed in prop::collection::vec(filter_text(), 0..3),
        wanted in prop::collection::vec(filter_text(), 1..3),
    ) {
        let parse = |texts: &[String]| texts.iter().map(|t| TopicFilter::parse(t).expect("a filter")).collect::<Vec<_>>();
        let rules = Rules::new(&crate::config::Access { public: parse(&allowed), ..Default::default() });
        let access = rules.access(None);
        let filter = Filter { topics: parse(&wanted), ..Filter::default() };
        let naive = topics().iter().any(|topic| {
            let event = event(topic.as_str(), "k.a");
            filter.matches(&event) && access.may_read(&event)
        });
        prop_assert_eq!(access.could_read(&filter), naive);
    }
}
