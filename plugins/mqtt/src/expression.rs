//! The common forms of Home Assistant's value templates: `{{ value_json.x }}`, with paths, filters, comparisons,
//! arithmetic and `a if b else c`. Whatever else Jinja can do is refused, and said.

mod filters;
mod lexer;
mod parser;

pub use filters::number;

use serde_json::Value;
use std::fmt;

/// A template, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Asked(Node),
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Literal(Value),
    /// `value`: the payload as text.
    Text,
    /// `value_json`: the payload as JSON.
    Json,
    /// `a.b`, `a['b']`, `a[0]`.
    At(Box<Node>, Box<Node>),
    /// `a | f(b)`.
    Filter(Box<Node>, String, Vec<Node>),
    Not(Box<Node>),
    Negative(Box<Node>),
    Pair(&'static str, Box<Node>, Box<Node>),
    /// `a is defined`; `false`: `is not defined`.
    Defined(Box<Node>, bool),
    Choice {
        condition: Box<Node>,
        yes: Box<Node>,
        no: Box<Node>,
    },
}

/// Why a template can't be used, or gives nothing for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble(pub String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a message is to a template.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    pub text: &'a str,
    /// The same as JSON, if it is any.
    pub json: Option<&'a Value>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// It is more than what is understood.
    pub fn parse(text: &str) -> Result<Self, Trouble> {
        if text.contains("{%") {
            return Err(Trouble(
                "statements ({% … %}) are not understood".to_owned(),
            ));
        }
        let mut parts = Vec::new();
        let mut rest = text.trim();
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let open = || Trouble("{{ is not closed".to_owned());
            let (asked, after) = after.split_once("}}").ok_or_else(open)?;
            let asked = asked.trim_matches('-');
            parts.push(Part::Asked(parser::parse(asked)?));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// What it makes of a message, as text.
    ///
    /// # Errors
    /// The message has not what it asks for.
    pub fn render(&self, payload: Payload<'_>) -> Result<String, Trouble> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Asked(node) => {
                    let value = node.evaluate(payload)?;
                    let value =
                        value.ok_or_else(|| Trouble("the message has no such value".to_owned()))?;
                    text.push_str(&filters::text(&value));
                }
            }
        }
        Ok(text)
    }
}

impl Node {
    /// Its value; `None`: undefined.
    fn evaluate(&self, payload: Payload<'_>) -> Result<Option<Value>, Trouble> {
        Ok(match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Text => Some(payload.text.into()),
            Self::Json => match payload.json {
                Some(value) => Some(value.clone()),
                None => return Err(Trouble("the message is no JSON".to_owned())),
            },
            Self::At(..) => self.find(payload)?,
            Self::Filter(of, name, arguments) => {
                let of = of.evaluate(payload)?;
                let arguments: Result<Vec<_>, _> = arguments
                    .iter()
                    .map(|argument| Ok(argument.evaluate(payload)?.unwrap_or_default()))
                    .collect();
                filters::apply(name, of, &arguments?)?
            }
            Self::Not(of) => Some((!is_true(of.evaluate(payload)?.as_ref())).into()),
            Self::Negative(of) => {
                let number = of.evaluate(payload)?.and_then(|v| filters::number(&v));
                let number =
                    number.ok_or_else(|| Trouble("- stands before no number".to_owned()))?;
                filters::json_number(-number)
            }
            Self::Defined(of, expected) => {
                Some((of.evaluate(payload)?.is_some() == *expected).into())
            }
            Self::Pair(operator, left, right) => {
                let left = left.evaluate(payload)?;
                match *operator {
                    "and" if !is_true(left.as_ref()) => left,
                    "or" if is_true(left.as_ref()) => left,
                    "and" | "or" => right.evaluate(payload)?,
                    _ => filters::pair(operator, left, right.evaluate(payload)?)?,
                }
            }
            Self::Choice { condition, yes, no } => {
                match is_true(condition.evaluate(payload)?.as_ref()) {
                    true => yes.evaluate(payload)?,
                    false => no.evaluate(payload)?,
                }
            }
        })
    }

    /// A value within the message, without a copy of all the rest.
    fn find(&self, payload: Payload<'_>) -> Result<Option<Value>, Trouble> {
        let mut keys = Vec::new();
        let mut node = self;
        while let Self::At(of, key) = node {
            keys.push(key.evaluate(payload)?.unwrap_or_default());
            node = of;
        }
        let owned;
        let mut found = match node {
            Self::Json => payload
                .json
                .ok_or_else(|| Trouble("the message is no JSON".to_owned()))?,
            other => match other.evaluate(payload)? {
                Some(value) => {
                    owned = value;
                    &owned
                }
                None => return Ok(None),
            },
        };
        for key in keys.iter().rev() {
            let next = match key {
                Value::String(name) => found.get(name),
                Value::Number(index) => index
                    .as_u64()
                    .and_then(|i| found.get(usize::try_from(i).ok()?)),
                _ => None,
            };
            match next {
                Some(next) => found = next,
                None => return Ok(None),
            }
        }
        Ok(Some(found.clone()))
    }
}

/// Whether Jinja takes a value for true.
fn is_true(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
    }
}

#[cfg(test)]
mod tests;
