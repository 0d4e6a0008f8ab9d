//! How a key of the file is described: the one source for reading it, for `config default` and for `config schema`.

/// One key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name, in kebab-case.
    pub name: &'static str,
    /// How its value is written.
    pub shape: Shape,
    /// Its default as TOML; empty where an absent key simply means "none".
    pub default: &'static str,
    /// What it means, in sentences.
    pub doc: &'static str,
    /// When a change of it takes effect.
    pub change: Change,
}

/// When a change of a key takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// With a reload of the configuration.
    Live,
    /// When the gateway is started again.
    Restart,
}

/// How a value is written.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// `true` or `false`.
    Flag,
    /// A whole number between two bounds.
    Count(u64, u64),
    /// Bytes, `"32MiB"`, between two bounds.
    Size(u64, u64),
    /// A span of time, `"50ms"`, between two bounds in milliseconds.
    Span(u64, u64),
    /// As a span, or `"never"`.
    Period(u64, u64),
    /// `"127.0.0.1:3001"`.
    Address,
    /// A file or a folder; relative to the folder of the configuration file.
    Path,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
    /// A list of texts.
    Texts,
    /// A table with these keys.
    Section(&'static [Key]),
    /// A list of tables with these keys.
    Sections(&'static [Key]),
    /// A table of tables with these keys, each under a name that the operator chooses.
    Named(&'static [Key]),
    /// A table whose keys are the plugin's.
    Free,
}

impl Key {
    /// A key whose change takes effect with a reload.
    #[must_use]
    pub const fn new(
        name: &'static str,
        shape: Shape,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            shape,
            default,
            doc,
            change: Change::Live,
        }
    }

    /// The same key, but its change takes effect at the next start only.
    #[must_use]
    pub const fn at_restart(mut self) -> Self {
        self.change = Change::Restart;
        self
    }

    /// The same key where it overrides another table's: absent, the other's holds.
    #[must_use]
    pub const fn inherited(mut self) -> Self {
        self.default = "";
        self
    }
}

impl Shape {
    /// What is expected, for an error message.
    #[must_use]
    pub fn expected(self) -> String {
        match self {
            Self::Flag => "true or false".into(),
            Self::Count(min, max) => format!("a whole number from {min} to {max}"),
            Self::Size(..) => "a size such as \"32MiB\"".into(),
            Self::Span(..) => "a duration such as \"50ms\", \"5s\" or \"1m\"".into(),
            Self::Period(..) => "a duration such as \"30s\", or \"never\"".into(),
            Self::Address => {
                "an IP address and a port such as \"127.0.0.1:3001\" or \"[::1]:3001\"".into()
            }
            Self::Path => "a path, as a string".into(),
            Self::Choice(words) => format!("one of {}", quoted(words)),
            Self::Text => "a string".into(),
            Self::Texts => "a list of strings".into(),
            Self::Section(_) | Self::Free => "a table".into(),
            Self::Sections(_) => "a list of tables".into(),
            Self::Named(_) => "a table of named tables".into(),
        }
    }
}

/// Words as a reader sees them: `"a", "b"`.
#[must_use]
pub fn quoted(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|w| format!("{w:?}")).collect();
    words.join(", ")
}

/// The known word nearest to what was written, if any is near enough to be meant.
#[must_use]
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase().replace('_', "-");
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&written, word), word))
        .filter(|(distance, word)| *distance <= word.len().max(written.len()).div_ceil(3))
        .min()
        .map(|(_, word)| word)
}
