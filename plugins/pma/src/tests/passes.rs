//! What passes: the truth table, row by row.

use super::client::Client;
use crate::Form;
use std::collections::BTreeMap;

macro_rules! each {
    ($name:ident) => {
        #[test]
        fn $name() {
            super::check(stringify!($name));
        }
    };
}

#[path = "table.rs"]
mod table;

/// One row: what the client said, and exactly these events pass.
fn check(name: &str) {
    let row = table::ROWS.iter().find(|row| row.name == name).unwrap();
    let (mut client, _) = Client::new(Form::Guide);
    for step in row.steps {
        client.say(step);
    }
    let gets = |event: &&table::Event| {
        let mut labels: BTreeMap<String, String> = serde_json::from_str(event.labels).unwrap();
        let shown = client
            .pma
            .names
            .0
            .iter()
            .find(|(_, shown)| *shown == table::SOURCE);
        labels.insert("source".to_owned(), shown.unwrap().0.clone());
        client.gets(event.kind, &labels)
    };
    let passed: Vec<&str> = table::EVENTS.iter().filter(gets).map(|e| e.name).collect();
    assert_eq!(passed, row.passes);
}

#[test]
fn the_tables_events_can_be_told() {
    for event in table::EVENTS {
        assert!(
            row_events().contains(&event.name),
            "no row lets {} pass",
            event.name
        );
        serde_json::from_str::<serde_json::Value>(event.data).unwrap();
        assert!(event.topic.split('/').count() > 1);
    }
}

fn row_events() -> Vec<&'static str> {
    let passes = table::ROWS.iter().flat_map(|row| row.passes);
    passes.copied().collect()
}
