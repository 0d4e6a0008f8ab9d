//! The keys of `[access]`.

use crate::config::keys::{Key, Shape};

/// `[access]`
pub const ACCESS: &[Key] = &[
    Key::new(
        "public",
        Shape::Texts,
        "[]",
        "Topics that everybody may read, anonymous clients included: \"metrics/#\".",
    ),
    Key::new(
        "public-calls",
        Shape::Texts,
        "[]",
        "Message types that everybody may send to the handlers that answer them; \"*\" stands for all.",
    ),
    Key::new(
        "rule",
        Shape::Sections(RULE),
        "",
        "Who may do what else; one [[access.rule]] each. A rule is for those whom all of its roles, subjects and claims fit; without any, for all who are authenticated.",
    ),
];

/// `[[access.rule]]`
pub const RULE: &[Key] = &[
    Key::new("roles", Shape::Texts, "[]", "Who has one of these roles."),
    Key::new("subjects", Shape::Texts, "[]", "Who is one of these."),
    Key::new(
        "claims",
        Shape::Free,
        "",
        "Whose token has these claims: { tenant = \"home\" } or one of several, { tenant = [\"home\", \"barn\"] }; a dot for each step.",
    ),
    Key::new(
        "read",
        Shape::Texts,
        "[]",
        "Topics that may be read; {subject} stands for the client's own subject: \"user/{subject}/#\".",
    ),
    Key::new(
        "publish",
        Shape::Texts,
        "[]",
        "Topics that may be published on, with the command `publish`.",
    ),
    Key::new(
        "kinds",
        Shape::Texts,
        "[]",
        "Only these kinds, read or published: \"entity.state_changed\", \"entity.*\"; none: all.",
    ),
    Key::new(
        "call",
        Shape::Texts,
        "[]",
        "Message types that may be sent to their handlers; \"*\" stands for all.",
    ),
    Key::new(
        "routes",
        Shape::Texts,
        "[]",
        "Paths of plugins' routes, \"/api/rooms/*\": a path that any rule names is for those alone whom such a rule fits.",
    ),
];
