//! Topics and topic filters: levels between slashes, `+` for one level and `#` for the rest,
//! as in MQTT 5.0 section 4.7.

use super::Invalid;
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest topic or filter, in bytes.
pub const MAX_BYTES: usize = 512;
/// Most levels of a topic or filter: what a match costs grows with them.
pub const MAX_LEVELS: usize = 16;

/// What an event happened to: `entity/light.kitchen/state`. No wildcards, no empty level.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

/// What a subscription asks for: a topic in which `+` stands for one level and a last `#` for the rest.
///
/// `a/#` also matches `a` itself (MQTT 5.0, section 4.7.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter(Arc<str>);

impl Topic {
    /// Checks and takes a topic.
    ///
    /// # Errors
    /// Says what is wrong: empty, too long, too many levels, an empty level, a wildcard or a control character.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        check_levels("topic", text)?;
        if text.contains(['+', '#']) {
            return Err(Invalid(format!(
                "topic {text:?} has a wildcard; only filters may"
            )));
        }
        Ok(Self(text.into()))
    }

    /// The topic as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TopicFilter {
    /// Checks and takes a filter.
    ///
    /// # Errors
    /// Says what is wrong: as for a topic, and a `+` or `#` that does not stand alone in its level, or a `#` that is not last.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        check_levels("topic filter", text)?;
        let last = text.split('/').count() - 1;
        for (i, level) in text.split('/').enumerate() {
            if level.len() > 1 && level.contains(['+', '#']) {
                return Err(Invalid(format!(
                    "topic filter {text:?}: a wildcard must be a whole level, not part of {level:?}"
                )));
            }
            if level == "#" && i != last {
                return Err(Invalid(format!(
                    "topic filter {text:?}: '#' must be the last level"
                )));
            }
        }
        Ok(Self(text.into()))
    }

    /// The filter as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `topic` is among what the filter asks for. The index in `shard/` answers the same for many
    /// filters at once; this is for the few that stand alone (grants, retained state) and the tests' yardstick.
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        let mut levels = topic.as_str().split('/');
        for want in self.0.split('/') {
            match (want, levels.next()) {
                ("#", _) => return true,
                (_, None) => return false,
                ("+", Some(_)) => {}
                (want, Some(have)) if want == have => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }

    /// Whether everything that `other` can match is matched by this filter too: how a request is held against a grant.
    #[must_use]
    pub fn covers(&self, other: &TopicFilter) -> bool {
        let mut theirs = other.0.split('/');
        for mine in self.0.split('/') {
            match (mine, theirs.next()) {
                ("#", _) => return true,
                (_, None | Some("#")) => return false,
                ("+", Some(_)) => {}
                (mine, Some(their)) if mine == their => {}
                _ => return false,
            }
        }
        theirs.next().is_none()
    }
}

impl TopicFilter {
    /// Whether there is a topic that both match.
    #[must_use]
    pub fn overlaps(&self, other: &TopicFilter) -> bool {
        let (mut ours, mut theirs) = (self.0.split('/'), other.0.split('/'));
        loop {
            match (ours.next(), theirs.next()) {
                // `a/#` matches `a` too, so it may end where the other does.
                (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
                (None, _) | (_, None) => return false,
                (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
                (Some(a), Some(b)) if a == b => {}
                _ => return false,
            }
        }
    }
}

/// A topic orders and hashes as its text does.
impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<Topic> for TopicFilter {
    fn from(topic: Topic) -> Self {
        Self(topic.0)
    }
}

fn check_levels(what: &str, text: &str) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(Invalid(format!("{what} is empty")));
    }
    if text.len() > MAX_BYTES {
        return Err(Invalid(format!("{what} is longer than {MAX_BYTES} bytes")));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid(format!("{what} {text:?} has a control character")));
    }
    if text.split('/').any(str::is_empty) {
        return Err(Invalid(format!("{what} {text:?} has an empty level")));
    }
    if text.split('/').count() > MAX_LEVELS {
        return Err(Invalid(format!("{what} has more than {MAX_LEVELS} levels")));
    }
    Ok(())
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(filter: &str, topic: &str, expected: bool) {
        let filter = TopicFilter::parse(filter).expect("a valid filter");
        let topic = Topic::parse(topic).expect("a valid topic");
        assert_eq!(filter.matches(&topic), expected, "{filter} on {topic}");
    }

    #[test]
    fn filters_match_as_in_mqtt() {
        check("a/b", "a/b", true);
        check("a/b", "a/c", false);
        check("a/b", "a", false);
        check("a/b", "a/b/c", false);
        check("a/+", "a/b", true);
        check("a/+", "a", false);
        check("a/+", "a/b/c", false);
        check("+/b", "a/b", true);
        check("a/#", "a", true);
        check("a/#", "a/b/c", true);
        check("a/#", "b", false);
        check("#", "a/b", true);
        check("+/#", "a", true);
        check("a/+/c", "a/b/c", true);
    }

    #[test]
    fn malformed_ones_say_why() {
        for (filter, why) in [
            ("", "is empty"),
            ("a//b", "empty level"),
            ("a/b+", "whole level"),
            ("a/#/b", "last level"),
            ("a\n", "control character"),
        ] {
            let error = TopicFilter::parse(filter).expect_err(filter).0;
            assert!(error.contains(why), "{filter:?}: {error}");
        }
        assert!(Topic::parse("a/+").is_err());
    }

    #[test]
    fn a_grant_covers_what_it_could_match() {
        for (grant, request, expected) in [
            ("entity/#", "entity/+/state", true),
            ("entity/#", "entity", true),
            ("entity/+/state", "entity/a/state", true),
            ("entity/a/state", "entity/+/state", false),
            ("entity/+", "entity/#", false),
            ("#", "#", true),
            ("entity/#", "room/#", false),
        ] {
            let (g, r) = (TopicFilter::parse(grant), TopicFilter::parse(request));
            let (g, r) = (g.expect("grant"), r.expect("request"));
            assert_eq!(g.covers(&r), expected, "{grant} covers {request}");
        }
    }
}
