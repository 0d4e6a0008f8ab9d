//! What is done with values.

use super::{Trouble, is_true};
use serde_json::Value;
use std::cmp::Ordering;

/// The filters that are understood.
const KNOWN: &[&str] = &[
    "abs",
    "bool",
    "default",
    "float",
    "iif",
    "int",
    "is_defined",
    "lower",
    "multiply",
    "round",
    "string",
    "title",
    "tojson",
    "to_json",
    "trim",
    "upper",
];

/// Whether a filter is understood.
///
/// # Errors
/// It is not.
pub fn check(name: &str) -> Result<(), Trouble> {
    match KNOWN.contains(&name) {
        true => Ok(()),
        false => Err(Trouble(format!("the filter {name} is not understood"))),
    }
}

/// A value through a filter. `None`: undefined.
///
/// # Errors
/// The filter can't take it.
pub fn apply(name: &str, of: Option<Value>, arguments: &[Value]) -> Result<Option<Value>, Trouble> {
    let first = arguments.first();
    match name {
        "default" => {
            // The second argument: what is false counts as undefined too.
            let also_false = arguments.get(1).is_some_and(|v| is_true(Some(v)));
            let keeps = of.as_ref().is_some_and(|v| !also_false || is_true(Some(v)));
            return Ok(if keeps {
                of
            } else {
                Some(first.cloned().unwrap_or_else(|| "".into()))
            });
        }
        "iif" => {
            let at = usize::from(!is_true(of.as_ref()));
            let otherwise = || (at == 0).into();
            return Ok(Some(arguments.get(at).cloned().unwrap_or_else(otherwise)));
        }
        "is_defined" => return Ok(of),
        _ => {}
    }
    let of = of.ok_or_else(|| Trouble("the message has no such value".to_owned()))?;
    let as_number = || number(&of).ok_or_else(|| Trouble(format!("{} is no number", text(&of))));
    Ok(match name {
        "float" | "int" => {
            let truncated = |n: f64| if name == "int" { n.trunc() } else { n };
            match (number(&of), first) {
                (Some(n), _) => json_number(truncated(n)),
                (None, Some(default)) => Some(default.clone()),
                (None, None) => return Err(Trouble(format!("{} is no number", text(&of)))),
            }
        }
        "round" => {
            let digits = first.and_then(Value::as_i64).unwrap_or(0).clamp(0, 12);
            let scale = 10_f64.powi(i32::try_from(digits).unwrap_or(0));
            json_number((as_number()? * scale).round() / scale)
        }
        "abs" => json_number(as_number()?.abs()),
        "multiply" => json_number(as_number()? * first.and_then(number).unwrap_or(1.0)),
        "bool" => Some(match of.as_str() {
            Some(word) => matches!(
                word.to_lowercase().as_str(),
                "true" | "yes" | "on" | "enable" | "1"
            )
            .into(),
            None => is_true(Some(&of)).into(),
        }),
        "upper" => Some(text(&of).to_uppercase().into()),
        "lower" => Some(text(&of).to_lowercase().into()),
        "title" => Some(title(&text(&of)).into()),
        "trim" => Some(text(&of).trim().into()),
        "tojson" | "to_json" => Some(of.to_string().into()),
        _ => Some(text(&of).into()),
    })
}

/// Two values and an operator.
///
/// # Errors
/// It can't be applied to them.
pub fn pair(
    operator: &str,
    left: Option<Value>,
    right: Option<Value>,
) -> Result<Option<Value>, Trouble> {
    let missing = || Trouble("the message has no such value".to_owned());
    if matches!(operator, "==" | "!=") {
        let equal = match (&left, &right) {
            (Some(a), Some(b)) => equal(a, b),
            (a, b) => a.is_none() == b.is_none(),
        };
        return Ok(Some((equal == (operator == "==")).into()));
    }
    let (left, right) = (left.ok_or_else(missing)?, right.ok_or_else(missing)?);
    Ok(match operator {
        "~" => Some((text(&left) + &text(&right)).into()),
        "in" => Some(
            match &right {
                Value::Array(items) => items.iter().any(|item| equal(item, &left)),
                Value::Object(fields) => {
                    left.as_str().is_some_and(|name| fields.contains_key(name))
                }
                other => text(other).contains(&text(&left)),
            }
            .into(),
        ),
        "<" | ">" | "<=" | ">=" => Some(ordered(operator, &left, &right)?.into()),
        "+" if left.is_string() && right.is_string() => Some((text(&left) + &text(&right)).into()),
        _ => {
            let no_number = || {
                Trouble(format!(
                    "{} {operator} {}: no numbers",
                    text(&left),
                    text(&right)
                ))
            };
            let (a, b) = left.as_f64().zip(right.as_f64()).ok_or_else(no_number)?;
            let result = match operator {
                "+" => a + b,
                "-" => a - b,
                "*" => a * b,
                "/" => a / b,
                "//" => (a / b).floor(),
                _ => a - b * (a / b).floor(),
            };
            let result = json_number(result);
            Some(result.ok_or_else(|| Trouble("a division by zero".to_owned()))?)
        }
    })
}

/// Whether two values are in the order that an operator asks for: numbers or texts.
fn ordered(operator: &str, left: &Value, right: &Value) -> Result<bool, Trouble> {
    let order = match (left.as_f64(), right.as_f64()) {
        (Some(a), Some(b)) => a.partial_cmp(&b),
        _ => {
            let texts = left.as_str().zip(right.as_str());
            let (a, b) = texts.ok_or_else(|| {
                let (left, right) = (text(left), text(right));
                Trouble(format!("{left} and {right} can't be compared"))
            })?;
            Some(a.cmp(b))
        }
    };
    Ok(match operator {
        "<" => order == Some(Ordering::Less),
        ">" => order == Some(Ordering::Greater),
        "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// A number as JSON: whole ones without a fraction. `None`: infinite, or no number.
pub fn json_number(number: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Some((number as i64).into());
    }
    serde_json::Number::from_f64(number).map(Value::Number)
}

/// A value as a number, as people write them in messages.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        _ => None,
    }
}

/// A value as a template prints it: Python's words for what is no text.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn title(text: &str) -> String {
    let mut new_word = true;
    let letter = |c: char| {
        let shown: String = match new_word {
            true => c.to_uppercase().collect(),
            false => c.to_lowercase().collect(),
        };
        new_word = !c.is_alphanumeric();
        shown
    };
    text.chars().map(letter).collect()
}
