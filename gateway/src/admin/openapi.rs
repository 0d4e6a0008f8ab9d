//! The OpenAPI 3.1 document, made from the table of endpoints.

use super::endpoints::{ENDPOINTS, Endpoint, Operation};
use serde_json::{Map, Value, json};

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.to_lowercase()] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hearthgate admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Health, metrics and administration. On loopback it needs no token unless admin.require-token is set; elsewhere a bearer token with the role admin.role is required, but for /livez and /readyz (401 without one). Requests under a foreign Host and browsers' requests from other sites are refused with 403.",
        },
        "paths": paths,
        "components": { "schemas": { "Error": error_schema(), "Event": event_schema(), "Revocation": revocation_schema() } },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut responses = Map::new();
    for (status, meaning) in endpoint.answers {
        let content = match (endpoint.operation, status) {
            (Operation::Metrics, _) => json!({ "text/plain": {} }),
            (Operation::Ready, _) | (_, 200) => json!({ "application/json": {} }),
            (Operation::ReloadConfig | Operation::ReloadPlugin, 409) => {
                json!({ "application/json": {} })
            }
            _ => error(),
        };
        let response = json!({ "description": meaning, "content": content });
        responses.insert(status.to_string(), response);
    }
    let refused = "The request's Host, Origin or Sec-Fetch-Site is not one that may ask.";
    let forbidden = json!({ "description": refused, "content": error() });
    responses.entry("403").or_insert(forbidden);
    let mut operation = json!({
        "operationId": format!("{:?}", endpoint.operation),
        "summary": endpoint.summary,
        "responses": responses,
    });
    match endpoint.operation {
        Operation::ReloadPlugin => {
            operation["parameters"] =
                json!([parameter("instance", "path", true, "The instance's name.")]);
        }
        Operation::Connections => {
            operation["parameters"] = json!([
                parameter("offset", "query", false, "How many to skip."),
                parameter(
                    "limit",
                    "query",
                    false,
                    "Most on a page: 100, at most 1000."
                ),
            ]);
        }
        Operation::Publish => {
            let schema = json!({ "$ref": "#/components/schemas/Event" });
            let content = json!({ "application/json": { "schema": schema } });
            operation["requestBody"] = json!({ "required": true, "content": content });
        }
        Operation::Revoke => {
            let schema = json!({ "$ref": "#/components/schemas/Revocation" });
            let content = json!({ "application/json": { "schema": schema } });
            operation["requestBody"] = json!({ "required": true, "content": content });
        }
        Operation::Restore => {
            operation["parameters"] = json!(["jti", "subject"].map(|name| json!({
                "name": name, "in": "query", "required": false, "schema": { "type": "string" },
                "description": "What was revoked; one of the two.",
            })));
        }
        _ => {}
    }
    operation
}

fn revocation_schema() -> Value {
    let time =
        |meaning: &str| json!({ "type": "string", "format": "date-time", "description": meaning });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "jti": { "type": "string", "description": "A token's id; an API token's is token:NAME." },
            "subject": { "type": "string", "description": "Whose tokens." },
            "until": time("Until when; without it until it is deleted."),
            "issued_before": time("Only tokens that were issued before, or do not say when; without it all."),
        },
    })
}

fn parameter(name: &str, place: &str, required: bool, description: &str) -> Value {
    let schema = match place {
        "path" => json!({ "type": "string" }),
        _ => json!({ "type": "integer", "minimum": 0 }),
    };
    json!({ "name": name, "in": place, "required": required, "description": description, "schema": schema })
}

fn error() -> Value {
    json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } })
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": { "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": { "type": "string", "description": "A stable name." },
                "message": { "type": "string", "description": "A sentence for people." },
            },
        } },
    })
}

fn event_schema() -> Value {
    json!({
        "type": "object",
        "required": ["kind", "topic", "data"],
        "additionalProperties": false,
        "properties": {
            "kind": { "type": "string", "description": "What happened; its data must fit the kind's schema.", "examples": ["broadcast.sent"] },
            "topic": { "type": "string", "description": "What it happened to.", "examples": ["broadcast/notice"] },
            "data": { "description": "One JSON document." },
            "labels": { "type": "object", "additionalProperties": { "type": "string" }, "description": "What clients may filter on." },
            "retain": { "type": "boolean", "default": false, "description": "Keep it as the topic's current state." },
            "audience": { "type": "array", "items": { "type": "string" }, "description": "Who may see it: user:SUBJECT, role:ROLE, client:ID; empty: whoever may read the topic." },
            "occurred_at": { "type": "string", "format": "date-time", "description": "When it happened, where that is not now." },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_every_endpoint_and_resolves_every_reference() {
        let document = document();
        for endpoint in ENDPOINTS {
            let method = endpoint.method.to_lowercase();
            let operation = &document["paths"][endpoint.path][&method];
            assert_eq!(operation["summary"], endpoint.summary, "{}", endpoint.path);
            assert!(
                operation["responses"]["403"].is_object(),
                "{}",
                endpoint.path
            );
        }
        let text = document.to_string();
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().expect("a pointer");
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
