//! Calls that ask the gateway or another plugin.

use super::Then::Nothing;
use super::Told::{Error, Like, Ok};
use super::{Then, Told};
use serde_json::{Value, json};

/// In order: some rows build on those before.
pub fn rows() -> Vec<(Value, Told, Then)> {
    let task = |call: &str, fields: Value| {
        let mut task = fields;
        task["call"] = call.into();
        task
    };
    vec![
        (
            task(
                "gateway.disconnect",
                json!({"client": "nobody", "code": 4321, "reason": "enough"}),
            ),
            Ok(json!(false)),
            Nothing,
        ),
        (
            task(
                "gateway.disconnect",
                json!({"client": "nobody", "code": 1000, "reason": "enough"}),
            ),
            Error("none that a server may close with"),
            Nothing,
        ),
        (
            task(
                "gateway.login",
                json!({"username": "ann", "password": "wrong"}),
            ),
            Error("LoginError"),
            Nothing,
        ),
        (
            task("gateway.refresh", json!({"token": "none"})),
            Error("LoginError"),
            Nothing,
        ),
        (
            task(
                "calls.call",
                json!({"kind": "parrot", "data": [1], "subject": "ann"}),
            ),
            Like(|reply| {
                reply["heard"] == json!([1])
                    && reply["from"] == json!({"id": "plugin:all", "address": "", "subject": "ann"})
            }),
            Nothing,
        ),
        (
            task(
                "calls.call",
                json!({"kind": "parrot.refuse", "data": {"how": "not-found", "message": "no such bird"}}),
            ),
            Error("no such bird"),
            Nothing,
        ),
        (
            task("calls.call", json!({"kind": "nobody", "data": 1})),
            Error("UnknownType"),
            Nothing,
        ),
        (
            task(
                "calls.call",
                json!({"kind": "do", "data": {"call": "system.snapshot"}}),
            ),
            Error("lead back"),
            Nothing,
        ),
        (
            task("calls.call", json!({"kind": "parrot.trap", "data": 1})),
            Error("grants.call does not name"),
            Nothing,
        ),
        (
            task(
                "publish",
                json!({"kind": "test.done", "topic": "test/kept/b", "data": {}, "retain": true}),
            ),
            Like(Value::is_u64),
            Nothing,
        ),
        (
            task(
                "publish",
                json!({"kind": "test.done", "topic": "test/kept/a", "data": {}, "retain": true}),
            ),
            Like(Value::is_u64),
            Nothing,
        ),
        (
            task(
                "retained.read",
                json!({"topics": ["test/kept/+"], "limit": 9}),
            ),
            Ok(json!(["test/kept/a", "test/kept/b"])),
            Nothing,
        ),
        (
            task(
                "retained.read",
                json!({"topics": ["test/#"], "after": "test/kept/a", "limit": 9}),
            ),
            Ok(json!(["test/kept/b"])),
            Nothing,
        ),
        (
            task("retained.read", json!({"topics": ["test/#"], "limit": 1})),
            Ok(json!(["test/kept/a"])),
            Nothing,
        ),
        (
            task("retained.read", json!({"topics": ["other/#"], "limit": 9})),
            Error("requests.subscribe"),
            Nothing,
        ),
        (
            task("retained.read", json!({"topics": ["test/#/x"], "limit": 9})),
            Error("'#' must be the last level"),
            Nothing,
        ),
    ]
}
