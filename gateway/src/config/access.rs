//! Who may do what: rules by role, subject and claim.

use super::section::Section;
use crate::event::{Kind, TopicFilter};
use serde_json::{Map, Value};

/// What stands for the client's own subject in a topic.
pub const SUBJECT: &str = "{subject}";

/// `[access]`
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Access {
    /// Topics that everybody may read.
    pub public: Vec<TopicFilter>,
    /// Message types that everybody may send.
    pub public_calls: Vec<String>,
    /// Who may do what else.
    pub rules: Vec<Rule>,
}

/// `[[access.rule]]`
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rule {
    /// One of these roles; none: any.
    pub roles: Vec<String>,
    /// One of these subjects; none: any.
    pub subjects: Vec<String>,
    /// All of these claims, each with one of its values.
    pub claims: Vec<(Vec<String>, Vec<Value>)>,
    /// Topics that may be read.
    pub read: Vec<Pattern>,
    /// Topics that may be published on.
    pub publish: Vec<Pattern>,
    /// Kinds to which both are narrowed; none: all.
    pub kinds: Vec<KindPattern>,
    /// Message types that may be sent; `*`: all.
    pub call: Vec<String>,
    /// Paths of plugins' routes; a last `*` stands for the rest.
    pub routes: Vec<String>,
}

/// A topic filter, perhaps with the client's own subject in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// The same for everyone.
    Fixed(TopicFilter),
    /// With [`SUBJECT`] as a whole level, once or more often.
    OfSubject(String),
}

/// A kind, or all that begin with the same words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KindPattern {
    /// This one.
    Exactly(Kind),
    /// All that begin so; with its last dot.
    Below(String),
}

impl KindPattern {
    /// Whether a kind is one of them.
    #[must_use]
    pub fn matches(&self, kind: &Kind) -> bool {
        match self {
            Self::Exactly(own) => own == kind,
            Self::Below(prefix) => kind.as_str().starts_with(prefix.as_str()),
        }
    }
}

impl Access {
    /// Reads `[access]`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let rules = section.sections("rule");
        Self {
            public: section.texts("public", |text| match pattern(text)? {
                Pattern::Fixed(filter) => Ok(filter),
                Pattern::OfSubject(_) => Err(format!(
                    "{text:?}: everybody may read this, and {SUBJECT} is somebody: it belongs into an [[access.rule]]"
                )),
            }),
            public_calls: section.texts("public-calls", message_type),
            rules: rules.iter().map(Rule::read).collect(),
        }
    }
}

impl Rule {
    fn read(section: &Section<'_>) -> Self {
        let word = |text: &str| match text {
            "" => Err("is empty".to_owned()),
            _ => Ok(text.to_owned()),
        };
        let this = Self {
            roles: section.texts("roles", word),
            subjects: section.texts("subjects", word),
            claims: claims(section),
            read: section.texts("read", pattern),
            publish: section.texts("publish", pattern),
            kinds: section.texts("kinds", kind),
            call: section.texts("call", message_type),
            routes: section.texts("routes", path),
        };
        let grants = ["read", "publish", "call", "routes"];
        if grants.iter().all(|name| !section.has(name)) {
            let why = "the rule allows nothing: it needs read, publish, call or routes";
            section.problem("read", why);
        }
        this
    }
}

fn claims(section: &Section<'_>) -> Vec<(Vec<String>, Vec<Value>)> {
    let map: Map<String, Value> = section.free("claims");
    let read = |(name, value): (String, Value)| {
        let values = match value {
            Value::Array(values) => values,
            Value::Object(_) | Value::Null => {
                let why =
                    format!("{name}: expected a text, a number, true or false, or a list of those");
                section.problem("claims", why);
                return None;
            }
            one => vec![one],
        };
        let steps = name.split('.').map(str::to_owned).collect();
        Some((steps, values))
    };
    map.into_iter().filter_map(read).collect()
}

fn pattern(text: &str) -> Result<Pattern, String> {
    // A word that is misspelt would be a topic that nobody ever publishes on.
    if text.replace(SUBJECT, "").contains(['{', '}']) {
        return Err(format!(
            "{text:?}: only {SUBJECT} stands for something in a topic"
        ));
    }
    if !text.contains(SUBJECT) {
        let filter = TopicFilter::parse(text).map_err(|e| e.to_string())?;
        return Ok(Pattern::Fixed(filter));
    }
    if text.split('/').any(|l| l.contains(SUBJECT) && l != SUBJECT) {
        return Err(format!(
            "{text:?}: {SUBJECT} must be a whole level, as in \"user/{SUBJECT}/#\""
        ));
    }
    TopicFilter::parse(&text.replace(SUBJECT, "x")).map_err(|e| e.to_string())?;
    Ok(Pattern::OfSubject(text.to_owned()))
}

fn kind(text: &str) -> Result<KindPattern, String> {
    if let Some(beginning) = text.strip_suffix('*') {
        let inner = beginning.strip_suffix('.');
        let fits = inner.is_some_and(|inner| Kind::parse(&format!("{inner}.x")).is_ok());
        return match fits {
            true => Ok(KindPattern::Below(beginning.to_owned())),
            false => Err(format!(
                "{text:?}: a * stands behind a dot, as in \"entity.*\""
            )),
        };
    }
    let kind = Kind::parse(text).map_err(|e| e.to_string())?;
    Ok(KindPattern::Exactly(kind))
}

fn message_type(text: &str) -> Result<String, String> {
    match text {
        "" => Err("a message type is empty".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

fn path(text: &str) -> Result<String, String> {
    let inner = text.strip_suffix('*').unwrap_or(text);
    match text.starts_with('/') && !inner.contains(['*', '{', '?', '#']) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "{text:?} is no path; write it as \"/api/rooms\", or \"/api/rooms/*\" for all below"
        )),
    }
}
