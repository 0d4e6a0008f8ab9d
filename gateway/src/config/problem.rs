//! What is wrong with a configuration, as its author reads it.

use super::reference::auth::{AUTH, ISSUER, LOGIN, TOKEN, USER};
use super::tree::Place;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// The text that a configuration was read from, for naming places in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file's name as the operator gave it.
    pub name: PathBuf,
    /// Its text.
    pub text: Arc<str>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is written.
    pub place: Place,
    /// The key, with dots.
    pub key: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    origin: Origin,
    problems: Vec<Problem>,
}

impl std::error::Error for Problems {}

impl Problems {
    /// Problems in the order in which they stand in the file.
    #[must_use]
    pub fn new(origin: Origin, mut problems: Vec<Problem>) -> Self {
        for problem in problems.iter_mut().filter(|p| p.message.contains('\n')) {
            // Others' messages come in several lines at times; here one problem is one line.
            let words: Vec<_> = problem.message.split_whitespace().collect();
            problem.message = words.join(" ");
        }
        problems
            .sort_by(|a, b| (&a.place, &a.key, &a.message).cmp(&(&b.place, &b.key, &b.message)));
        problems.dedup();
        Self { origin, problems }
    }

    /// Each of them.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.problems
    }

    /// The first line of each: what may go into logs and answers, since it shows no line of the file.
    #[must_use]
    pub fn headlines(&self) -> Vec<String> {
        self.problems.iter().map(|p| self.headline(p)).collect()
    }

    /// The first line of a problem: `FILE:LINE:COLUMN: KEY: MESSAGE`.
    #[must_use]
    pub fn headline(&self, problem: &Problem) -> String {
        let name = self.origin.name.display();
        let key = match problem.key.as_str() {
            "" => String::new(),
            key => format!("{key}: "),
        };
        match &problem.place {
            Place::Text(span) => {
                let (line, column) = self.origin.position(span.start);
                format!("{name}:{line}:{column}: {key}{}", problem.message)
            }
            Place::Environment(variable) => {
                format!("environment {variable}: {key}{}", problem.message)
            }
            Place::Nowhere => format!("{name}: {key}{}", problem.message),
        }
    }
}

impl Origin {
    /// Line and column, both from 1, in characters.
    fn position(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..self.floor(at)];
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[start..].chars().count() + 1)
    }

    /// Whether the line there may have a secret in it, whatever is wrong with it: it names one, or stands in a table of
    /// such. Of a line that is no TOML nothing more is known than its words.
    fn may_tell(&self, at: usize) -> bool {
        let at = self.floor(at);
        let start = self.text[..at].rfind('\n').map_or(0, |i| i + 1);
        let line = self.text[start..].lines().next().unwrap_or_default();
        let mut headers = self.text[..start].lines().rev().map(str::trim_start);
        let table = headers.find(|line| line.starts_with('['));
        let of_secrets = |table: &str| {
            table.contains("secrets") || table.contains("auth") && !says_no_secret(line)
        };
        names_a_secret(line) || table.is_some_and(of_secrets)
    }

    fn floor(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", self.headline(problem))?;
            // What stands where a secret should be named may be the secret itself.
            if let Place::Text(span) = &problem.place
                && !is_secret(&problem.key)
                && !self.origin.may_tell(span.start)
            {
                let (line, column) = self.origin.position(span.start);
                let shown = self.origin.text.lines().nth(line - 1).unwrap_or_default();
                let rest = shown.chars().count().saturating_sub(column - 1).max(1);
                let span = self.origin.floor(span.start)..self.origin.floor(span.end);
                let width = self.origin.text[span].chars().count().clamp(1, rest);
                write!(f, "\n{line:>5} | {}", visible(shown))?;
                write!(f, "\n      | {:1$}{2}", "", column - 1, "^".repeat(width))?;
            }
        }
        Ok(())
    }
}

/// Whether a secret may stand there: an instance's, a key or a hash.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    let mut parts = key.split('.');
    let auth = parts.next() == Some("auth");
    let hidden = |part| matches!(part, "key" | "hash" | "password-hash" | "signing-key");
    parts.nth(1) == Some("secrets") || auth && key.split('.').any(hidden)
}

/// Whether a line sets what may be a secret.
fn names_a_secret(line: &str) -> bool {
    const NAMES: [&str; 6] = ["secret", "token", "password", "passphrase", "key", "hash"];
    /// Keys of ours that sound like secrets, and are none.
    const HARMLESS: [&str; 5] = [
        "query-token",
        "require-token",
        "max-token",
        "hashes",
        "keys",
    ];
    let mut line = line.to_lowercase();
    for harmless in HARMLESS {
        line = line.replace(harmless, "");
    }
    let set = |name: &str| {
        let mut found = line.match_indices(name);
        // Behind it, perhaps after a quote, comes what it is set to.
        found.any(|(at, _)| {
            let rest = line[at + name.len()..].trim_start_matches(['s', '"', '\'']);
            let rest = rest.trim_start();
            rest.starts_with(['=', ':', '.', ']'])
        })
    };
    NAMES.into_iter().any(set)
}

/// Whether a line of `[auth]` begins with a key of it that holds no secret, or is the head of a table.
fn says_no_secret(line: &str) -> bool {
    let key = line.split(['=', '.']).next().unwrap_or_default().trim();
    let known = [AUTH, ISSUER, TOKEN, USER, LOGIN].into_iter().flatten();
    let mut harmless = known
        .map(|key| key.name)
        .filter(|name| !names_a_secret(&format!("{name} =")));
    line.trim_start().starts_with('[') || harmless.any(|name| name == key)
}

/// A line of the file without what could move a terminal's cursor.
fn visible(line: &str) -> String {
    line.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
