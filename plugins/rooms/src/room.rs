//! A room, and what is asked of it.

use hearthgate_plugin::events::{self, RoomChange};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest name, in characters.
const MAX_NAME: usize = 200;
/// Longest icon and area id, in characters.
const MAX_WORD: usize = 255;
/// Longest description, in characters.
const MAX_DESCRIPTION: usize = 2000;

/// A room as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Its number, never used again.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// The name of an icon.
    pub icon: Option<String>,
    /// What people wrote about it.
    pub description: Option<String>,
    /// The area that it is, in Home Assistant's words.
    pub home_assistant_area_id: Option<String>,
    /// Whose it is.
    pub keeper: Keeper,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// Whose a room is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keeper {
    /// People made or changed it here: its name is theirs.
    People,
    /// It follows an area of that source.
    Source(String),
    /// Deleted here; its area is not to bring it back.
    Dismissed,
    /// Its area is gone; should it return, it gets this number again.
    Absent,
}

/// What a request says of a room: the body of POST and PUT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The name, without white space around it.
    pub name: String,
    /// The icon.
    pub icon: Said,
    /// The description.
    pub description: Said,
    /// The area.
    pub area: Said,
}

/// What a request says of an optional field: nothing, which leaves it as it is; `null` or an empty text, which
/// clears it; or a value.
pub type Said = Option<Option<String>>;

impl Room {
    /// Whether people see it.
    pub fn is_listed(&self) -> bool {
        matches!(self.keeper, Keeper::People | Keeper::Source(_))
    }

    /// Its data in events.
    pub fn change(&self) -> RoomChange {
        RoomChange::new(events::Room {
            area: self.home_assistant_area_id.clone(),
            icon: self.icon.clone(),
            description: self.description.clone(),
            ..events::Room::new(self.id.to_string(), self.name.clone())
        })
    }

    /// What entities in it carry as the label `room`: the area, or its own number.
    pub fn label(&self) -> String {
        let number = || self.id.to_string();
        self.home_assistant_area_id.clone().unwrap_or_else(number)
    }

    /// Takes over what a request says.
    pub fn take(&mut self, draft: &Draft) {
        self.name.clone_from(&draft.name);
        for (field, said) in [
            (&mut self.icon, &draft.icon),
            (&mut self.description, &draft.description),
            (&mut self.home_assistant_area_id, &draft.area),
        ] {
            if let Some(value) = said {
                field.clone_from(value);
            }
        }
        self.keeper = Keeper::People;
    }
}

impl Draft {
    /// Reads a request's body; fields that it does not know are left alone, as PMA does.
    ///
    /// # Errors
    /// The field that does not fit, and why.
    pub fn read(body: &Value) -> Result<Self, String> {
        let body = body.as_object().ok_or("the body must be an object")?;
        let optional = |field: &str, longest: usize| -> Result<Said, String> {
            match body.get(field) {
                None => Ok(None),
                Some(Value::Null) => Ok(Some(None)),
                Some(Value::String(text)) if text.trim().is_empty() => Ok(Some(None)),
                Some(Value::String(text)) => {
                    fits(field, text, longest).map(|text| Some(Some(text)))
                }
                Some(_) => Err(format!("{field} must be a text")),
            }
        };
        let name = match body.get("name") {
            Some(Value::String(name)) if !name.trim().is_empty() => fits("name", name, MAX_NAME)?,
            Some(Value::String(_)) => return Err("name must not be empty".to_owned()),
            Some(_) => return Err("name must be a text".to_owned()),
            None => return Err("name is missing".to_owned()),
        };
        Ok(Self {
            name,
            icon: optional("icon", MAX_WORD)?,
            description: optional("description", MAX_DESCRIPTION)?,
            area: optional("home_assistant_area_id", MAX_WORD)?,
        })
    }
}

fn fits(field: &str, text: &str, longest: usize) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() > longest {
        true => Err(format!("{field} has more than {longest} characters")),
        false => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_body_says_what_fits() {
        let read =
            Draft::read(&json!({"name": " Hall ", "icon": "", "description": "big", "x": 1}));
        let expected = Draft {
            name: "Hall".to_owned(),
            icon: Some(None),
            description: Some(Some("big".to_owned())),
            area: None,
        };
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let check = |body: Value, why: &str| assert_eq!(Draft::read(&body), Err(why.to_owned()));
        check(json!([]), "the body must be an object");
        check(json!({}), "name is missing");
        check(json!({"name": "  "}), "name must not be empty");
        check(json!({"name": 5}), "name must be a text");
        check(
            json!({"name": "x".repeat(201)}),
            "name has more than 200 characters",
        );
        check(json!({"name": "x", "icon": 5}), "icon must be a text");
    }
}
