//! PMA's truth table of filters, end to end: each row is a client, and all of them are told of the same events.

use crate::pma_setup::{answers, guide, legacy, start, until_fence};
use hearthgate_tests::{Client, Gateway};
use serde_json::{Value, json};

/// Rows are tried one by one beside the plugin; here, all at once.
macro_rules! each {
    ($name:ident) => {};
}

#[path = "../../../plugins/pma/src/tests/table.rs"]
mod table;

/// The time of an event, which its messages carry and which tells it from the others.
fn moment(nth: usize) -> String {
    format!("2026-01-01T00:00:{nth:02}.000Z")
}

async fn publish(gateway: &Gateway) {
    for (nth, event) in table::EVENTS.iter().enumerate() {
        let json = |text: &str| serde_json::from_str::<Value>(text).expect("the table holds JSON");
        let (labels, data) = (json(event.labels), json(event.data));
        let event = json!({"kind": event.kind, "topic": event.topic, "labels": labels, "data": data, "occurred_at": moment(nth)});
        gateway.admin().publish(event).await;
    }
}

fn named(frame: &Value) -> &'static str {
    let nth = (0..table::EVENTS.len()).find(|nth| frame["timestamp"] == moment(*nth));
    table::EVENTS[nth.unwrap_or_else(|| panic!("no event of the table: {frame}"))].name
}

/// Which of the two documents a client goes by.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Guide,
    Legacy,
}

#[tokio::test]
async fn every_row_holds_in_the_guides_form() {
    every_row_holds(Form::Guide).await;
}

#[tokio::test]
async fn every_row_holds_in_the_infrastructure_documents_form() {
    every_row_holds(Form::Legacy).await;
}

async fn every_row_holds(form: Form) {
    let gateway = start().await;
    let mut clients: Vec<Client> = Vec::new();
    for row in table::ROWS {
        let (mut client, _) = match form {
            Form::Guide => guide(&gateway).await,
            Form::Legacy => legacy(&gateway).await,
        };
        for step in row.steps {
            answers(&mut client, step).await;
        }
        clients.push(client);
    }
    publish(&gateway).await;
    let mut all: Vec<&mut Client> = clients.iter_mut().collect();
    let frames = until_fence(&gateway, &mut all).await;
    let mut wrong = Vec::new();
    for (row, frames) in table::ROWS.iter().zip(&frames) {
        let passed: Vec<&str> = frames.iter().map(named).collect();
        // The infrastructure document has numbered rooms only, and so no word for these.
        let told = |event: &&&str| form == Form::Guide || !["room", "new_room"].contains(*event);
        let expected: Vec<&str> = row.passes.iter().filter(told).copied().collect();
        if passed != expected {
            wrong.push(format!("{}: {passed:?} instead of {expected:?}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(
        table::SOURCE,
        "homeassistant",
        "as the configuration names the source"
    );
}
