//! What a gateway logs: JSON lines on its standard error or output.

use crate::wait;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// As it was written.
    pub text: String,
    /// `INFO`, …; empty where the line is no JSON.
    pub level: String,
    /// The constant message.
    pub message: String,
    /// The data.
    pub fields: Map<String, Value>,
}

/// Everything that one process has logged.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    lines: Arc<Mutex<Vec<Line>>>,
}

impl Journal {
    /// Takes the lines of a pipe until it ends.
    pub fn follow(&self, pipe: impl AsyncRead + Unpin + Send + 'static) {
        let journal = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).lines();
            while let Ok(Some(text)) = lines.next_line().await {
                journal.lines.lock().push(Line::parse(text));
            }
        });
    }

    /// What there is so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.lines.lock().clone()
    }

    /// The whole text so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines()
            .into_iter()
            .map(|line| line.text + "\n")
            .collect()
    }

    /// The lines that contain a text.
    #[must_use]
    pub fn containing(&self, text: &str) -> Vec<Line> {
        self.lines()
            .into_iter()
            .filter(|line| line.text.contains(text))
            .collect()
    }

    /// Waits for a line.
    pub async fn line(&self, what: &str, wanted: impl Fn(&Line) -> bool) -> Line {
        let what = format!("a log line: {what}");
        wait::until(&what, || async { self.lines().into_iter().find(&wanted) }).await
    }
}

impl Line {
    fn parse(text: String) -> Self {
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let fields = value
            .get("fields")
            .unwrap_or(&value)
            .as_object()
            .cloned()
            .unwrap_or_default();
        let level = value["level"].as_str().unwrap_or_default().to_owned();
        let message = fields
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        Self {
            text,
            level,
            message,
            fields,
        }
    }

    /// A field as text, without quotes.
    #[must_use]
    pub fn field(&self, name: &str) -> String {
        match self.fields.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }
}
