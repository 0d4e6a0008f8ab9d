//! Topic filters: MQTT's own (MQTT 5, section 4.7), and those of the rules, whose wildcards have names.

use std::collections::BTreeMap;

/// What the levels of a topic were, by the names that a rule gave them.
pub type Captures = BTreeMap<String, String>;

/// Longest topic or filter, in bytes (MQTT 5, section 1.5.4).
const LONGEST: usize = 65_535;

/// A filter whose wildcards may have names: `sensors/{room}/+/{rest#}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    levels: Vec<Level>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Level {
    Literal(String),
    One(Option<String>),
    Rest(Option<String>),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > LONGEST || text.contains('\0') {
            return Err(format!("{text:?} is no topic filter"));
        }
        let levels: Vec<Level> = text.split('/').map(level).collect::<Result<_, _>>()?;
        let rest = levels.iter().position(|l| matches!(l, Level::Rest(_)));
        if rest.is_some_and(|at| at + 1 < levels.len()) {
            return Err(format!("{text:?}: # stands only at the end"));
        }
        Ok(Self { levels })
    }

    /// A filter as a broker understands it: nothing in it is a name.
    pub fn of_filter(filter: &str) -> Self {
        let levels = filter.split('/').map(|text| match text {
            "+" => Level::One(None),
            "#" => Level::Rest(None),
            text => Level::Literal(text.to_owned()),
        });
        Self {
            levels: levels.collect(),
        }
    }

    /// The filter as a broker understands it.
    pub fn filter(&self) -> String {
        let levels = self.levels.iter().map(|level| match level {
            Level::Literal(text) => text.as_str(),
            Level::One(_) => "+",
            Level::Rest(_) => "#",
        });
        levels.collect::<Vec<_>>().join("/")
    }

    /// Whether it has no wildcards: it stands for one topic.
    pub fn is_topic(&self) -> bool {
        let mut levels = self.levels.iter();
        levels.all(|level| matches!(level, Level::Literal(_)))
    }

    /// The names of its wildcards.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().filter_map(|level| match level {
            Level::One(name) | Level::Rest(name) => name.as_deref(),
            Level::Literal(_) => None,
        })
    }

    /// What the wildcards stand for in a topic; `None` if it doesn't match.
    pub fn captures(&self, topic: &str) -> Option<Captures> {
        let mut found = Captures::new();
        let mut rest = Some(topic);
        for (i, level) in self.levels.iter().enumerate() {
            if let Level::Rest(name) = level {
                // A wildcard at the front stands for no topic that begins with $ (section 4.7.2); `a/#` includes `a`.
                if i == 0 && topic.starts_with('$') {
                    return None;
                }
                keep(&mut found, name, rest.unwrap_or_default());
                return Some(found);
            }
            let (here, after) = split(rest?);
            match level {
                Level::Literal(text) if text == here => {}
                Level::One(_) if i == 0 && topic.starts_with('$') => return None,
                Level::One(name) => keep(&mut found, name, here),
                _ => return None,
            }
            rest = after;
        }
        rest.is_none().then_some(found)
    }

    /// Whether a topic matches.
    pub fn matches(&self, topic: &str) -> bool {
        self.captures(topic).is_some()
    }

    /// Whether every topic that the other matches matches this one too.
    pub fn covers(&self, other: &Self) -> bool {
        let hidden =
            matches!(other.levels.first(), Some(Level::Literal(text)) if text.starts_with('$'));
        if hidden && !matches!(self.levels.first(), Some(Level::Literal(_))) {
            return false;
        }
        let mut theirs = other.levels.iter();
        for level in &self.levels {
            match (level, theirs.next()) {
                (Level::Rest(_), _) => return true,
                (Level::One(_), Some(Level::One(_) | Level::Literal(_))) => {}
                (Level::Literal(a), Some(Level::Literal(b))) if a == b => {}
                _ => return false,
            }
        }
        theirs.next().is_none()
    }
}

fn keep(found: &mut Captures, name: &Option<String>, value: &str) {
    if let Some(name) = name {
        found.insert(name.clone(), value.to_owned());
    }
}

fn split(topic: &str) -> (&str, Option<&str>) {
    match topic.split_once('/') {
        Some((here, after)) => (here, Some(after)),
        None => (topic, None),
    }
}

fn level(text: &str) -> Result<Level, String> {
    let named = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
    Ok(match (text, named) {
        ("+", _) => Level::One(None),
        ("#", _) => Level::Rest(None),
        (_, Some(name)) => {
            let (name, rest) = match name.strip_suffix('#') {
                Some(name) => (name, true),
                None => (name, false),
            };
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(word) {
                return Err(format!("{text:?} is no name: letters, digits and _ are"));
            }
            match rest {
                true => Level::Rest(Some(name.to_owned())),
                false => Level::One(Some(name.to_owned())),
            }
        }
        _ if text.contains(['+', '#', '{', '}']) => {
            return Err(format!("{text:?}: a wildcard is a whole level"));
        }
        _ => Level::Literal(text.to_owned()),
    })
}

/// Whether something can be published to a topic: it has no wildcard, and a broker would take it.
pub fn is_topic(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && !text.contains(['+', '#', '\0'])
}

/// Puts captures into a text: `device-{id}`. A name that captures nothing stays as it is.
pub fn fill(template: &str, captures: &Captures) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        text.push_str(&rest[..open]);
        rest = &rest[open..];
        let name = rest[1..].split_once('}').map(|(name, _)| name);
        match name.and_then(|name| Some((name.len(), captures.get(name)?))) {
            Some((length, value)) => {
                text.push_str(value);
                rest = &rest[length + 2..];
            }
            None => {
                text.push('{');
                rest = &rest[1..];
            }
        }
    }
    text + rest
}

/// The names that a template asks for.
pub fn asked(template: &str) -> Vec<&str> {
    let parts = template.split('{').skip(1);
    parts
        .filter_map(|part| Some(part.split_once('}')?.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_topic_matches_level_by_level() {
        let check = |filter: &str, topic: &str, expected: Option<&[(&str, &str)]>| {
            let expected = expected.map(|pairs| {
                let pairs = pairs.iter();
                pairs
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                    .collect()
            });
            assert_eq!(
                pattern(filter).captures(topic),
                expected,
                "{filter} on {topic}"
            );
        };
        check("a/b", "a/b", Some(&[]));
        check("a/b", "a/b/c", None);
        check("a/b", "a", None);
        check("a/+", "a/b", Some(&[]));
        check("a/+", "a/", Some(&[]));
        check("a/+", "a", None);
        check("+/{x}/c", "a/b/c", Some(&[("x", "b")]));
        check("a/#", "a", Some(&[]));
        check("a/#", "a/b/c", Some(&[]));
        check("a/{rest#}", "a/b/c", Some(&[("rest", "b/c")]));
        check("a/{rest#}", "a", Some(&[("rest", "")]));
        check("#", "a/b", Some(&[]));
        check("#", "$SYS/broker", None);
        check("+/broker", "$SYS/broker", None);
        check("$SYS/#", "$SYS/broker", Some(&[]));
        check(
            "{room}/{device}",
            "küche/lampe",
            Some(&[("device", "lampe"), ("room", "küche")]),
        );
    }

    #[test]
    fn a_filter_that_is_none_is_refused() {
        for text in [
            "", "a/#/b", "a/b#", "a+/b", "{}/a", "{a b}", "{x#}/y", "a\0",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(pattern("a/{x}/{y#}").filter(), "a/+/#");
        assert_eq!(
            pattern("a/{x}/{y#}").names().collect::<Vec<_>>(),
            ["x", "y"]
        );
    }

    #[test]
    fn a_wider_filter_covers_a_narrower_one() {
        let check = |wide: &str, narrow: &str, expected: bool| {
            assert_eq!(
                pattern(wide).covers(&pattern(narrow)),
                expected,
                "{wide} {narrow}"
            );
        };
        check("a/#", "a/b/c", true);
        check("a/#", "a", true);
        check("a/#", "a/+/#", true);
        check("a/+", "a/{x}", true);
        check("a/+", "a/#", false);
        check("a/+/c", "a/b/+", false);
        check("a/b", "a/b/c", false);
        check("#", "$SYS/#", false);
        check("+/#", "a", true);
    }

    #[test]
    fn templates_take_what_was_captured() {
        let captures: Captures = [("a".to_owned(), "x/y".to_owned())].into();
        let check =
            |template: &str, expected: &str| assert_eq!(fill(template, &captures), expected);
        check("{a}-1", "x/y-1");
        check("{b}{a}{", "{b}x/y{");
        check("no", "no");
        assert_eq!(asked("{a}/x/{b}"), ["a", "b"]);
    }

    #[test]
    fn only_what_a_broker_takes_is_a_topic() {
        for (text, expected) in [
            ("a/b", true),
            ("", false),
            ("a/+", false),
            ("#", false),
            ("a\0", false),
        ] {
            assert_eq!(is_topic(text), expected, "{text:?}");
        }
    }
}
