//! The files that a rotation leaves behind: which there are, and which of them come after a place that was read.

use super::cursor::Stamp;
use super::rights::FileRights;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// What packers append to a name.
const PACKED: [&str; 8] = ["gz", "xz", "bz2", "zst", "lz4", "lzma", "lzo", "Z"];
/// Most rotated files of one file that are looked at: the youngest.
const MOST: usize = 1000;
/// A rotation can go on while a folder is listed; after so many tries what was seen last has to do.
const TRIES: usize = 4;

/// A rotated file's place among its likes: the smaller, the younger. `NAME.3` has a number, `NAME-20261120` a date.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    Number(u32),
    Date(Reverse<String>),
}

/// A rotated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rotated {
    path: PathBuf,
    stamp: Stamp,
    size: u64,
    /// It can't be read as lines.
    packed: bool,
}

/// What was found behind a place in a file.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// The next file, if it is a rotated one. Else it is the one that has the name now.
    pub(super) next: Option<File>,
    /// Those before it that can't be read any more: packed ones.
    pub(super) unreadable: Vec<PathBuf>,
    /// Whether something was written to any of the files behind it: its writer has left it.
    pub(super) written: bool,
}

/// Another file has the name by now: a rotation goes on, and what was listed is not so any more.
#[derive(Debug)]
pub(super) struct Moved;

/// All rotated files of one file, the youngest first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct History(Vec<Rotated>);

impl History {
    /// The rotated files of a file that may be read: their names belong to its grant.
    pub(super) fn of(path: &str, rights: &FileRights) -> Self {
        let Some(path) = rights.place_of(path) else {
            return Self(Vec::new());
        };
        let mut seen = Self::list(&path);
        for _ in 0..TRIES {
            let again = Self::list(&path);
            if again.is_same_row(&seen) {
                return again;
            }
            seen = again;
        }
        seen
    }

    fn list(path: &Path) -> Self {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Self(Vec::new());
        };
        let mut found: BTreeMap<Age, Rotated> = BTreeMap::new();
        for other in names(folder, name) {
            let known = name.to_str().zip(other.to_str());
            let Some((age, packed)) = known.and_then(|(name, other)| age(name, other)) else {
                continue;
            };
            let path = folder.join(&other);
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            // While one is being packed both are there.
            let better = found.get(&age).is_none_or(|known| known.packed);
            if metadata.is_file() && better {
                let stamp = Stamp::of(&metadata);
                found.insert(
                    age,
                    Rotated {
                        path,
                        stamp,
                        size: metadata.len(),
                        packed,
                    },
                );
            }
        }
        Self(found.into_values().take(MOST).collect())
    }

    /// Whether the same files have the same names, however they grew meanwhile.
    fn is_same_row(&self, other: &Self) -> bool {
        let row = |history: &Self| -> Vec<(PathBuf, u64)> {
            let files = history.0.iter();
            files.map(|f| (f.path.clone(), f.stamp.inode)).collect()
        };
        row(self) == row(other)
    }

    /// The youngest file for which `fits` is true.
    pub(super) fn find(&self, fits: impl Fn(&File) -> bool) -> Result<Option<File>, Moved> {
        for rotated in self.0.iter().filter(|rotated| !rotated.packed) {
            if let Some(file) = rotated.open()?.filter(&fits) {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// What comes after a file that was read: by its place in the row, or, where it is there no more, by its last change.
    pub(super) fn behind(&self, read: &Stamp) -> Result<Behind, Moved> {
        let at = self
            .0
            .iter()
            .position(|other| other.stamp.is_same_file(read));
        match at {
            Some(at) => oldest(self.0[..at].iter()),
            None => self.since(read.modified),
        }
    }

    /// What was changed after a time, in nanoseconds since the Unix epoch.
    pub(super) fn since(&self, time: u64) -> Result<Behind, Moved> {
        oldest(self.0.iter().filter(|other| other.stamp.modified > time))
    }
}

/// The oldest that can be read, and what is older still.
fn oldest<'a>(row: impl Iterator<Item = &'a Rotated>) -> Result<Behind, Moved> {
    let row: Vec<&Rotated> = row.collect();
    let mut behind = Behind {
        written: row.iter().any(|rotated| rotated.size > 0),
        ..Behind::default()
    };
    for rotated in row.into_iter().rev() {
        behind.next = if rotated.packed {
            None
        } else {
            rotated.open()?
        };
        if behind.next.is_some() {
            break;
        }
        behind.unreadable.push(rotated.path.clone());
    }
    Ok(behind)
}

impl Rotated {
    /// Opens it. `None`: it may not be read.
    fn open(&self) -> Result<Option<File>, Moved> {
        let opened = super::rights::open_plain(&self.path).ok();
        let metadata = match &opened {
            Some(file) => file.metadata(),
            None => fs::symlink_metadata(&self.path),
        };
        let stamp = metadata.map(|metadata| Stamp::of(&metadata));
        match stamp {
            Ok(stamp) if stamp.is_same_file(&self.stamp) => Ok(opened),
            _ => Err(Moved),
        }
    }
}

/// The names in a folder; where it may be searched but not listed, those that are the most likely.
fn names(folder: &Path, name: &OsStr) -> Vec<OsString> {
    if let Ok(entries) = fs::read_dir(folder) {
        return entries.flatten().map(|entry| entry.file_name()).collect();
    }
    let ends = (1..10).flat_map(|number| [format!(".{number}"), format!(".{number}.gz")]);
    let named = |end: String| {
        let mut name = name.to_owned();
        name.push(end);
        name
    };
    ends.map(named).collect()
}

/// Whether a name is that of a rotated `name`, its age, and whether it is packed.
fn age(name: &str, other: &str) -> Option<(Age, bool)> {
    let rest = other.strip_prefix(name)?;
    let (rest, packed) = match rest.rsplit_once('.') {
        Some((before, end)) if PACKED.contains(&end) => (before, true),
        _ => (rest, false),
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(number) = rest.strip_prefix('.') {
        let number = Some(number).filter(|number| is_number(number) && number.len() < 6)?;
        return Some((Age::Number(number.parse().ok()?), packed));
    }
    // A date, as logrotate's `dateext` appends it, and what its `dateformat` may have after it.
    let date = rest.strip_prefix('-')?;
    let is_date = date.len() >= 8 && date.len() < 32 && date.split('-').all(is_number);
    is_date.then(|| (Age::Date(Reverse(date.to_owned())), packed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_files_are_known_and_no_others() {
        let number = |n| Age::Number(n);
        let date = |text: &str| Age::Date(Reverse(text.to_owned()));
        for (other, expected) in [
            ("a.log.1", Some((number(1), false))),
            ("a.log.12", Some((number(12), false))),
            ("a.log.2.gz", Some((number(2), true))),
            ("a.log.2.zst", Some((number(2), true))),
            ("a.log-20261120", Some((date("20261120"), false))),
            ("a.log-2026-11-20.xz", Some((date("2026-11-20"), true))),
            (
                "a.log-20261120-1795182045",
                Some((date("20261120-1795182045"), false)),
            ),
            ("a.log", None),
            ("a.log.gz", None),
            ("a.log.", None),
            ("a.log.1.bak", None),
            ("a.log.999999", None),
            ("a.log.1~", None),
            ("a.log-old", None),
            ("a.log-1", None),
            ("a.log.+1", None),
            ("b.log.1", None),
        ] {
            assert_eq!(age("a.log", other), expected, "{other}");
        }
    }

    #[test]
    fn the_youngest_come_first() {
        assert!(Age::Number(1) < Age::Number(2));
        assert!(Age::Number(9) < Age::Number(10));
        let date = |text: &str| Age::Date(Reverse(text.to_owned()));
        assert!(date("20261120") < date("20261119"));
    }
}
