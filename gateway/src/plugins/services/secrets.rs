//! Secrets: where their values come from, templates that use them, and who may see them.

pub mod template;

use crate::config::SecretSource;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest value, in bytes.
pub const LONGEST_VALUE: u64 = 64 * 1024;
/// How often the sources are looked at, where somebody waits for a change.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// A secret's value, or a text that has one in it. It is wiped when dropped, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a secret could not be used. Names and places only, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The instance has no secret of that name.
    #[error("no secret {0:?} is granted")]
    Unknown(String),
    /// `grants.reveal` does not name it.
    #[error("not granted: reveal {0:?}")]
    NotRevealed(String),
    /// Its source has no value.
    #[error("secret {name:?}: {reason}")]
    Unreadable {
        /// The secret's name.
        name: String,
        /// Where it was looked for, and what was wrong.
        reason: String,
    },
    /// A template that is none: `${` without `}`.
    #[error("bad template: {0}")]
    BadTemplate(String),
    /// The templates of one call would become longer than this many bytes.
    #[error("templates become longer than {0} bytes")]
    TooLong(usize),
}

/// The secrets that an instance may use, and those that it may see. Values are read when they are used, so a rotated
/// file takes effect with the next connection.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    sources: Arc<BTreeMap<String, SecretSource>>,
    reveal: Arc<BTreeSet<String>>,
}

impl Secrets {
    /// The secrets of these sources; those named in `reveal` may be seen.
    #[must_use]
    pub fn new(
        sources: BTreeMap<String, SecretSource>,
        reveal: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            sources: Arc::new(sources),
            reveal: Arc::new(reveal.into_iter().collect()),
        }
    }

    /// A secret in plain text, where that is granted.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub fn reveal(&self, name: &str) -> Result<Secret, SecretError> {
        if !self.reveal.contains(name) {
            return Err(SecretError::NotRevealed(name.to_owned()));
        }
        self.value(name)
    }

    /// A secret's value now. Stays in the host: templates use it.
    pub(super) fn value(&self, name: &str) -> Result<Secret, SecretError> {
        let Some(source) = self.sources.get(name) else {
            return Err(SecretError::Unknown(name.to_owned()));
        };
        read(source).map_err(|reason| SecretError::Unreadable {
            name: name.to_owned(),
            reason,
        })
    }

    /// What is wrong with the secrets now, for checks before a guest is started: one entry per secret without a value.
    #[must_use]
    pub fn problems(&self) -> Vec<SecretError> {
        let names = self.sources.keys();
        names.filter_map(|name| self.value(name).err()).collect()
    }

    /// What the sources hold now, as a fingerprint that tells nothing of the values: when it differs from an earlier one,
    /// a secret changed, and a parked instance is worth another try. It is keyed anew in each process.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        static KEY: LazyLock<[u8; 32]> = LazyLock::new(rand::random);
        let mut hash = Sha256::new_with_prefix(*KEY);
        for (name, source) in &*self.sources {
            let value = read(source);
            let (known, text) = match &value {
                Ok(value) => (1, value.expose()),
                Err(reason) => (0, reason.as_str()),
            };
            hash.update([known]);
            for part in [name, text] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        hash.finalize().into()
    }

    /// Waits until the sources hold something else than they did at `fingerprint`.
    pub async fn changed(&self, fingerprint: [u8; 32]) {
        let mut ticks = tokio::time::interval(CHECK_EVERY);
        loop {
            ticks.tick().await;
            let secrets = self.clone();
            let now = tokio::task::spawn_blocking(move || secrets.fingerprint()).await;
            if now.is_ok_and(|now| now != fingerprint) {
                return;
            }
        }
    }
}

fn read(source: &SecretSource) -> Result<Secret, String> {
    match source {
        SecretSource::Env(variable) => match std::env::var(variable) {
            Ok(value) => Ok(Secret::new(value)),
            Err(std::env::VarError::NotPresent) => {
                Err(format!("environment variable {variable} is not set"))
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(format!("environment variable {variable} is not UTF-8"))
            }
        },
        SecretSource::File(path) => read_named(path),
        SecretSource::Credential(name) => read_named(&SecretSource::credential(name)?),
    }
}

fn read_named(path: &Path) -> Result<Secret, String> {
    read_file(path).map_err(|reason| format!("file {}: {reason}", path.display()))
}

fn read_file(path: &Path) -> Result<Secret, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if metadata.len() > LONGEST_VALUE {
        return Err(format!("longer than {LONGEST_VALUE} bytes"));
    }
    // Room for all of it, so that the text is not moved while it grows, which would leave a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_VALUE as usize + 1));
    file.take(LONGEST_VALUE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "not UTF-8".to_owned())?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(Secret::new(
        text.strip_suffix('\r').unwrap_or(text).to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_file(path: &Path, reveal: &[&str]) -> Secrets {
        let sources = BTreeMap::from([("token".to_owned(), SecretSource::File(path.to_owned()))]);
        Secrets::new(sources, reveal.iter().map(|&name| name.to_owned()))
    }

    #[test]
    fn a_files_last_line_break_is_cut() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        for (content, expected) in [
            ("abc\n", "abc"),
            ("abc\r\n", "abc"),
            ("abc\n\n", "abc\n"),
            ("abc", "abc"),
        ] {
            std::fs::write(&path, content).expect("written");
            let secret = of_file(&path, &["token"])
                .reveal("token")
                .expect("a secret");
            assert_eq!(secret.expose(), expected);
        }
    }

    #[test]
    fn only_what_is_granted_is_revealed_and_nothing_is_shown() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        std::fs::write(&path, "hunter2").expect("written");
        let secrets = of_file(&path, &["other"]);
        assert_eq!(
            secrets.reveal("token"),
            Err(SecretError::NotRevealed("token".into()))
        );
        assert_eq!(
            secrets.reveal("other"),
            Err(SecretError::Unknown("other".into()))
        );
        let value = secrets.value("token").expect("a value");
        assert_eq!(value.expose(), "hunter2");
        assert!(!format!("{value:?} {secrets:?}").contains("hunter2"));
        std::fs::remove_file(&path).expect("removed");
        let problems = secrets.problems();
        assert!(matches!(&problems[..], [SecretError::Unreadable { name, .. }] if name == "token"));
    }

    #[tokio::test]
    async fn a_changed_file_is_noticed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        std::fs::write(&path, "one").expect("written");
        let secrets = of_file(&path, &[]);
        let before = secrets.fingerprint();
        assert_eq!(before, secrets.fingerprint());
        std::fs::write(&path, "two").expect("written");
        secrets.changed(before).await;
        let after = secrets.fingerprint();
        std::fs::remove_file(&path).expect("removed");
        secrets.changed(after).await;
    }
}
