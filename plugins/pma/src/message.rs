//! A client's message, read without copying what it says.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A message: its type, its data, and the two fields that some clients leave beside the data.
#[derive(Debug)]
pub struct Message<'a> {
    /// The type; `None`: missing, or no text.
    pub kind: Option<Cow<'a, str>>,
    /// The data as it stands.
    pub data: Option<&'a RawValue>,
    token: Option<&'a RawValue>,
    topic: Option<&'a RawValue>,
}

/// The fields of any message's data that mean something, not yet looked into.
#[derive(Debug, Default, Deserialize)]
pub struct Data<'a> {
    /// `subscribe_ha_events`.
    #[serde(borrow)]
    pub event_types: Option<&'a RawValue>,
    /// `subscribe_ha_events`: filters bound to the event types.
    #[serde(borrow)]
    pub filters: Option<&'a RawValue>,
    /// `subscribe_ha_entities`.
    #[serde(borrow)]
    pub entity_ids: Option<&'a RawValue>,
    /// `subscribe_ha_rooms`.
    #[serde(borrow)]
    pub room_ids: Option<&'a RawValue>,
    /// `subscribe_room`.
    #[serde(borrow)]
    pub room_id: Option<&'a RawValue>,
    /// `subscribe`.
    #[serde(borrow)]
    pub topics: Option<&'a RawValue>,
    /// `subscribe`, for one.
    #[serde(borrow)]
    pub topic: Option<&'a RawValue>,
    /// `authenticate`.
    #[serde(borrow)]
    pub token: Option<&'a RawValue>,
    /// A filter, also directly beside the event types.
    #[serde(borrow)]
    pub domains: Option<&'a RawValue>,
    /// A filter, also directly beside the event types.
    #[serde(borrow)]
    pub rooms: Option<&'a RawValue>,
    /// A filter, also directly beside the event types.
    #[serde(borrow)]
    pub entity_types: Option<&'a RawValue>,
    /// A filter, also directly beside the event types.
    #[serde(borrow)]
    pub sources: Option<&'a RawValue>,
}

/// A field that does not fit.
#[derive(Debug, PartialEq, Eq)]
pub struct BadField {
    /// Its name.
    pub field: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    topic: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// Reads a text.
    ///
    /// # Errors
    /// Where it stops being a JSON object.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        let start = text.len() - text.trim_ascii_start().len();
        if !text[start..].starts_with('{') {
            // A list would be taken for the fields in their order, so it must not come so far.
            serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| place(text, &e))?;
            return Err(format!("Expected an object at position {start}"));
        }
        let envelope: Envelope<'a> = serde_json::from_str(text).map_err(|e| place(text, &e))?;
        Ok(Self {
            kind: envelope.kind.and_then(text_of),
            data: envelope.data,
            token: envelope.token,
            topic: envelope.topic,
        })
    }

    /// The fields of its data, and those beside it.
    ///
    /// # Errors
    /// The data is no object.
    pub fn fields(&self) -> Result<Data<'a>, BadField> {
        let bad = BadField {
            field: "data",
            expected: "an object",
        };
        let mut data = match self.data.map(RawValue::get) {
            None | Some("null") => Data::default(),
            Some(object) if object.starts_with('{') => match serde_json::from_str(object) {
                Ok(data) => data,
                Err(_) => return Err(bad),
            },
            Some(_) => return Err(bad),
        };
        data.token = data.token.or(self.token);
        data.topic = data.topic.or(self.topic);
        Ok(data)
    }
}

/// A text.
pub fn text_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    match inner.contains('\\') {
        true => serde_json::from_str(json).ok().map(Cow::Owned),
        false => Some(Cow::Borrowed(inner)),
    }
}

/// A list of names; one alone is taken for a list of one, and a whole number for its digits.
///
/// # Errors
/// It is none of these.
pub fn names<'a>(
    field: &'static str,
    raw: Option<&'a RawValue>,
) -> Result<Option<Vec<Cow<'a, str>>>, BadField> {
    let Some(raw) = raw else { return Ok(None) };
    let one = |raw: &'a RawValue| {
        let digits = || whole_number(raw.get()).map(|_| Cow::Borrowed(raw.get()));
        text_of(raw).or_else(digits)
    };
    let found = match serde_json::from_str::<Vec<&'a RawValue>>(raw.get()) {
        Ok(list) => list.into_iter().map(one).collect(),
        Err(_) => one(raw).map(|name| vec![name]),
    };
    let expected = "a list of texts";
    found.map(Some).ok_or(BadField { field, expected })
}

/// A whole number, also as a text.
pub fn whole_number(json: &str) -> Option<i64> {
    let digits = json.strip_prefix('"').and_then(|j| j.strip_suffix('"'));
    digits.unwrap_or(json).trim().parse().ok()
}

/// Where a text stops being JSON.
fn place(text: &str, error: &serde_json::Error) -> String {
    if error.is_eof() {
        return format!("Unexpected end of input at position {}", text.len());
    }
    let before: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let position = before + error.column().saturating_sub(1);
    format!("Unexpected token at position {position}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_told_with_its_place() {
        let check = |text: &str, expected: &str| {
            let why = Message::parse(text).expect_err(text);
            assert_eq!(why, expected, "{text}");
        };
        check("{\"type\":\"ping\"}}", "Unexpected token at position 15");
        check("hello", "Unexpected token at position 0");
        check("{\n  \"type\" oops", "Unexpected token at position 11");
        check("{\"type\":", "Unexpected end of input at position 8");
        check("", "Unexpected end of input at position 0");
        check("  [1, 2]", "Expected an object at position 2");
        check("42", "Expected an object at position 0");
        check("[\"ping\", {}]", "Expected an object at position 0");
    }

    #[test]
    fn a_type_is_a_text() {
        let check = |text: &str, expected: Option<&str>| {
            let message = Message::parse(text).expect(text);
            assert_eq!(message.kind.as_deref(), expected, "{text}");
        };
        check(r#"{"type":"ping","data":{}}"#, Some("ping"));
        check(r#"{"type":"p\u0069ng"}"#, Some("ping"));
        check(r#"{"data":{},"timestamp":5}"#, None);
        check(r#"{"type":7}"#, None);
        check(r#"{"type":null}"#, None);
    }

    #[test]
    fn fields_stand_in_the_data_or_beside_it() {
        let check = |text: &str, expected: Option<&str>| {
            let message = Message::parse(text).expect(text);
            let token = message.fields().expect(text).token.and_then(text_of);
            assert_eq!(token.as_deref(), expected, "{text}");
        };
        check(r#"{"type":"auth","token":"t"}"#, Some("t"));
        check(
            r#"{"type":"auth","data":{"token":"t"},"token":"u"}"#,
            Some("t"),
        );
        check(r#"{"type":"auth","data":null}"#, None);
        for bad in [r#"{"type":"x","data":[1]}"#, r#"{"type":"x","data":"y"}"#] {
            let refused = Message::parse(bad).expect(bad).fields();
            assert_eq!(refused.expect_err(bad).field, "data", "{bad}");
        }
    }

    #[test]
    fn names_are_lists_of_texts() {
        let check = |json: &str, expected: Option<&[&str]>| {
            let raw: &RawValue = serde_json::from_str(json).expect(json);
            let found = names("x", Some(raw)).ok().flatten();
            let expected = expected.map(|all| all.iter().map(|n| (*n).into()).collect());
            assert_eq!(found, expected, "{json}");
        };
        check(r#"["a", "b"]"#, Some(&["a", "b"]));
        check(r#"[1, "2"]"#, Some(&["1", "2"]));
        check(r#""a""#, Some(&["a"]));
        check("[]", Some(&[]));
        check("[1.5]", None);
        check("[[]]", None);
        check("{}", None);
        assert_eq!(names("x", None), Ok(None));
    }
}
