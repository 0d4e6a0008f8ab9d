//! The words of an expression.

use super::Trouble;
use serde_json::Value;

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    Name(String),
    Literal(Value),
    Sign(&'static str),
}

/// Longest first, so that `==` is not two `=`.
const SIGNS: &[&str] = &[
    "==", "!=", "<=", ">=", "//", "<", ">", "+", "-", "*", "/", "%", "~", "(", ")", "[", "]", ".",
    ",", "|",
];

/// Takes an expression apart.
///
/// # Errors
/// A character that is in no expression, or a text without an end.
pub fn tokens(text: &str) -> Result<Vec<Token>, Trouble> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' | '"' => literal(rest, first)?,
            '0'..='9' => number(rest)?,
            c if c.is_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
                let end = end.unwrap_or(rest.len());
                (word(&rest[..end]), end)
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let sign = sign.ok_or_else(|| Trouble(format!("{first:?} is not understood")))?;
                (Token::Sign(sign), sign.len())
            }
        };
        found.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

fn word(word: &str) -> Token {
    match word {
        "true" | "True" => Token::Literal(true.into()),
        "false" | "False" => Token::Literal(false.into()),
        "none" | "None" => Token::Literal(Value::Null),
        name => Token::Name(name.to_owned()),
    }
}

fn literal(text: &str, quote: char) -> Result<(Token, usize), Trouble> {
    let mut value = String::new();
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => {
                value.push(match c {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                });
                escaped = false;
            }
            '\\' => escaped = true,
            c if c == quote => return Ok((Token::Literal(value.into()), i + 1)),
            c => value.push(c),
        }
    }
    Err(Trouble("a text is not closed".to_owned()))
}

/// A number; its point belongs to it only where a digit follows.
fn number(text: &str) -> Result<(Token, usize), Trouble> {
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let mut end = digits(text);
    let fraction = text[end..]
        .strip_prefix('.')
        .map(digits)
        .filter(|length| *length > 0);
    if let Some(length) = fraction {
        end += 1 + length;
    }
    let value: Result<Value, _> = serde_json::from_str(&text[..end]);
    let value = value.map_err(|_| Trouble(format!("{} is no number", &text[..end])))?;
    Ok((Token::Literal(value), end))
}
