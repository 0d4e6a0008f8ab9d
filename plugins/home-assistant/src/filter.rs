//! Which entities are taken.

use serde::Deserialize;

/// A choice of entities: those that any of the lists names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Choice {
    /// Domains: `light`.
    pub domains: Vec<String>,
    /// Entities, where `*` stands for any text: `sensor.*_battery`.
    pub entities: Vec<String>,
    /// Areas by their id: `living_room`.
    pub areas: Vec<String>,
}

impl Choice {
    fn is_empty(&self) -> bool {
        self.domains.is_empty() && self.entities.is_empty() && self.areas.is_empty()
    }

    fn names(&self, entity: &str, area: Option<&str>) -> bool {
        self.domains
            .iter()
            .any(|domain| domain == domain_of(entity))
            || area.is_some_and(|area| self.areas.iter().any(|one| one == area))
            || self.entities.iter().any(|glob| matches(glob, entity))
    }
}

/// Include and exclude.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub include: Choice,
    pub exclude: Choice,
}

impl Filter {
    /// Whether an entity is taken: where something is included it must be named there, and it must not be excluded.
    pub fn takes(&self, entity: &str, area: Option<&str>) -> bool {
        (self.include.is_empty() || self.include.names(entity, area))
            && !self.exclude.names(entity, area)
    }

    /// Whether a room is shown. One that is not excluded may hold entities that are included by name.
    pub fn takes_room(&self, area: &str) -> bool {
        let only_areas = self.include.domains.is_empty() && self.include.entities.is_empty();
        let included = !only_areas
            || self.include.areas.is_empty()
            || self.include.areas.iter().any(|one| one == area);
        included && !self.exclude.areas.iter().any(|one| one == area)
    }

    /// Whether a call of a service is told of that names these entities, or none.
    pub fn takes_call(&self, domain: &str, entities: &[String]) -> bool {
        if !entities.is_empty() {
            return entities.iter().any(|entity| self.takes(entity, None));
        }
        let named = |choice: &Choice| choice.domains.iter().any(|one| one == domain);
        (self.include.is_empty() || named(&self.include)) && !named(&self.exclude)
    }

    /// Whether an entity's area can change whether it is taken.
    pub fn minds_areas(&self) -> bool {
        !self.include.areas.is_empty() || !self.exclude.areas.is_empty()
    }
}

/// `light` of `light.kitchen`.
pub fn domain_of(entity: &str) -> &str {
    entity.split_once('.').map_or(entity, |(domain, _)| domain)
}

/// Whether a text fits a glob, in which `*` stands for any text, the empty one too. Takes time in proportion to both
/// lengths: it goes back to the last star only.
pub fn matches(glob: &str, text: &str) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(byte) if *byte == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((star_at, from)) = star else {
                    return false;
                };
                star = Some((star_at, from + 1));
                at = star_at + 1;
                seen = from + 1;
            }
        }
    }
    glob[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (glob, text, expected) in [
            ("light.kitchen", "light.kitchen", true),
            ("light.kitchen", "light.kitchen_2", false),
            ("light.*", "light.kitchen", true),
            ("light.*", "light.", true),
            ("light.*", "flashlight.x", false),
            ("*_battery", "sensor.phone_battery", true),
            ("*_battery", "sensor.phone_battery_2", false),
            ("sensor.*_b*y", "sensor.a_b_battery", true),
            ("*", "anything", true),
            ("**", "", true),
            ("", "", true),
            ("", "x", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXcXb", false),
        ] {
            assert_eq!(matches(glob, text), expected, "{glob} on {text}");
        }
        let (glob, text) = ("*a".repeat(200), "a".repeat(199) + "b");
        assert!(!matches(&glob, &text), "and in no time");
    }

    fn filter(include: &str, exclude: &str) -> Filter {
        let choice = |text: &str| serde_json::from_str(text).expect("a choice");
        Filter {
            include: choice(include),
            exclude: choice(exclude),
        }
    }

    #[test]
    fn what_is_included_is_named_and_what_is_excluded_is_not() {
        let check = |include: &str, exclude: &str, entity: &str, area: Option<&str>, expected| {
            let taken = filter(include, exclude).takes(entity, area);
            assert_eq!(
                taken, expected,
                "{entity} in {area:?} with {include} {exclude}"
            );
        };
        check("{}", "{}", "light.a", None, true);
        check(r#"{"domains":["light"]}"#, "{}", "light.a", None, true);
        check(r#"{"domains":["light"]}"#, "{}", "lightning.a", None, false);
        check(r#"{"domains":["light"]}"#, "{}", "sensor.a", None, false);
        let both = r#"{"domains":["light"],"areas":["attic"]}"#;
        check(both, "{}", "sensor.a", Some("attic"), true);
        check(both, "{}", "sensor.a", Some("cellar"), false);
        check(
            "{}",
            r#"{"entities":["*_battery"]}"#,
            "sensor.a_battery",
            None,
            false,
        );
        check(
            "{}",
            r#"{"areas":["attic"]}"#,
            "light.a",
            Some("attic"),
            false,
        );
        check("{}", r#"{"areas":["attic"]}"#, "light.a", None, true);
        let light = r#"{"domains":["light"]}"#;
        check(light, r#"{"entities":["light.a"]}"#, "light.a", None, false);
    }

    #[test]
    fn rooms_and_calls_follow() {
        let areas = filter(r#"{"areas":["attic"]}"#, "{}");
        assert!(areas.takes_room("attic") && !areas.takes_room("cellar"));
        let lights = filter(r#"{"domains":["light"]}"#, r#"{"areas":["cellar"]}"#);
        assert!(lights.takes_room("attic") && !lights.takes_room("cellar"));
        assert!(lights.takes_call("light", &[]) && !lights.takes_call("lock", &[]));
        let entities = |id: &str| vec![id.to_owned()];
        assert!(lights.takes_call("homeassistant", &entities("light.a")));
        assert!(!lights.takes_call("homeassistant", &entities("lock.a")));
    }
}
