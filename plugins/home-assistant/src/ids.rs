//! Ids at the gateway's side. They are Home Assistant's own, unless the operator gave this home a prefix: two homes have
//! the same `sun.sun`, and what both call `light.kitchen` would be one topic.

use std::borrow::Cow;

/// The prefix of a home's ids; empty: none.
#[derive(Debug, Clone, Default)]
pub struct Ids(String);

impl Ids {
    pub fn new(prefix: &str) -> Self {
        Self(prefix.to_owned())
    }

    /// `light.kitchen` → `light.cabin_kitchen`: still a domain and an object.
    pub fn entity<'a>(&self, id: &'a str) -> Cow<'a, str> {
        match id.split_once('.') {
            Some((domain, object)) if !self.0.is_empty() => {
                format!("{domain}.{}{object}", self.0).into()
            }
            _ => id.into(),
        }
    }

    /// `kitchen` → `cabin_kitchen`.
    pub fn room<'a>(&self, id: &'a str) -> Cow<'a, str> {
        match self.0.is_empty() {
            true => id.into(),
            false => format!("{}{id}", self.0).into(),
        }
    }

    /// Back to Home Assistant's own, for an entity or a room. What has no prefix is left as it is.
    pub fn own<'a>(&self, id: &'a str) -> Cow<'a, str> {
        if self.0.is_empty() {
            return id.into();
        }
        match id.split_once('.') {
            Some((domain, object)) => match object.strip_prefix(&self.0) {
                Some(object) => format!("{domain}.{object}").into(),
                None => id.into(),
            },
            None => id.strip_prefix(&self.0).unwrap_or(id).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ids;

    #[test]
    fn a_prefix_is_put_before_the_object_and_taken_off_again() {
        let (plain, cabin) = (Ids::default(), Ids::new("cabin_"));
        assert_eq!(plain.entity("light.kitchen"), "light.kitchen");
        assert_eq!(plain.own("light.kitchen"), "light.kitchen");
        assert_eq!(cabin.entity("light.kitchen"), "light.cabin_kitchen");
        assert_eq!(cabin.own("light.cabin_kitchen"), "light.kitchen");
        assert_eq!(cabin.own("light.kitchen"), "light.kitchen");
        assert_eq!(cabin.room("attic"), "cabin_attic");
        assert_eq!(cabin.own("cabin_attic"), "attic");
        assert_eq!(cabin.own("all"), "all");
    }
}
