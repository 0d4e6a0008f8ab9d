//! Which files an instance may read.
//!
//! A path must fit a grant as the guest writes it, and again once all symbolic links are resolved: whoever can write into a
//! granted folder can't lead a plugin out of it. The grant's own folders may be links. Only plain files are opened.

use super::FileError;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

/// An absolute path in which `*` stands for any characters within one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePattern(PathBuf);

impl FilePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// One that is not absolute or has `.`, `..` or `**`: says what it should have been.
    pub fn parse(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        if !path.is_absolute() {
            return Err(format!(
                "\"{shown}\" is not absolute: write the path from / on"
            ));
        }
        if path
            .components()
            .any(|part| matches!(part, Component::ParentDir))
        {
            return Err(format!("\"{shown}\" has \"..\": write the path without it"));
        }
        if path.components().any(|part| {
            part.as_os_str()
                .as_encoded_bytes()
                .windows(2)
                .any(|two| two == b"**")
        }) {
            return Err(format!(
                "\"{shown}\": * stands for characters within one name; ** does not exist"
            ));
        }
        if path.file_name().is_none() {
            return Err(format!("\"{shown}\" names no file"));
        }
        Ok(Self(path.components().collect()))
    }

    /// Whether some file fits both; patterns of different shapes are taken to overlap where a name can fit either.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (a, b): (Vec<_>, Vec<_>) = (
            self.0.components().collect(),
            other.0.components().collect(),
        );
        a.len() == b.len()
            && a.iter().zip(&b).all(|(a, b)| {
                let (a, b) = (
                    a.as_os_str().as_encoded_bytes(),
                    b.as_os_str().as_encoded_bytes(),
                );
                fits(a, b) || fits(b, a) || (a.contains(&b'*') && b.contains(&b'*'))
            })
    }

    fn fits(&self, path: &Path) -> bool {
        fits_path(&self.0, path)
    }

    /// The pattern with the links among its literal leading folders resolved.
    fn resolved(&self) -> Option<PathBuf> {
        let parts: Vec<Component<'_>> = self.0.components().collect();
        let is_literal =
            |part: &&Component<'_>| !part.as_os_str().as_encoded_bytes().contains(&b'*');
        let literal = parts[..parts.len() - 1]
            .iter()
            .take_while(is_literal)
            .count();
        let folders: PathBuf = parts[..literal].iter().collect();
        let mut resolved = folders.canonicalize().ok()?;
        resolved.extend(&parts[literal..]);
        Some(resolved)
    }
}

fn fits_path(pattern: &Path, path: &Path) -> bool {
    let (mut a, mut b) = (pattern.components(), path.components());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(a), Some(b))
                if fits(
                    a.as_os_str().as_encoded_bytes(),
                    b.as_os_str().as_encoded_bytes(),
                ) => {}
            _ => return false,
        }
    }
}

/// Whether a name fits a pattern with any number of `*`. Going back to the last `*` only keeps it linear in practice.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            (p, n) = (p + 1, n + 1);
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, n) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// The files that an instance may read: named by the operator's grants and by the manifest's requests.
#[derive(Debug, Clone, Default)]
pub struct FileRights {
    granted: Vec<FilePattern>,
    requested: Vec<FilePattern>,
}

impl FileRights {
    /// Rights to what some pattern of `granted` and some pattern of `requested` both name.
    ///
    /// # Errors
    /// As [`FilePattern::parse`].
    pub fn new(granted: &[PathBuf], requested: &[PathBuf]) -> Result<Self, String> {
        let read = |paths: &[PathBuf]| -> Result<Vec<FilePattern>, String> {
            paths.iter().map(|path| FilePattern::parse(path)).collect()
        };
        Ok(Self {
            granted: read(granted)?,
            requested: read(requested)?,
        })
    }

    /// Whether a path may be read, as it is written.
    pub(super) fn admit(&self, path: &str) -> Result<(), FileError> {
        let plain = Path::new(path);
        let is_plain = plain.is_absolute()
            && !path.contains('\0')
            && !plain.components().any(|part| part == Component::ParentDir);
        let fits = |patterns: &[FilePattern]| patterns.iter().any(|pattern| pattern.fits(plain));
        if is_plain && fits(&self.granted) && fits(&self.requested) {
            return Ok(());
        }
        Err(FileError::NotGranted(path.to_owned()))
    }

    /// Opens a file that may be read.
    pub(super) fn open(&self, path: &str) -> Result<File, FileError> {
        self.admit(path)?;
        self.open_resolved(Path::new(path))
    }

    /// Where a file that may be read is, or will be, with the links in its path resolved. Its rotated files are beside it:
    /// their names belong to the file's grant.
    pub(super) fn place_of(&self, path: &str) -> Option<PathBuf> {
        self.admit(path).ok()?;
        let path = Path::new(path)
            .canonicalize()
            .unwrap_or_else(|_| path.into());
        let folder = path.parent()?.canonicalize().ok()?;
        Some(folder.join(path.file_name()?))
    }

    fn open_resolved(&self, path: &Path) -> Result<File, FileError> {
        let real = path.canonicalize().map_err(|error| told(&error))?;
        let inside = self.granted.iter().filter_map(FilePattern::resolved);
        if !inside.into_iter().any(|pattern| fits_path(&pattern, &real)) {
            let way = format!("{} leads to {}", path.display(), real.display());
            return Err(FileError::NotGranted(way));
        }
        open_plain(&real)
    }
}

/// Opens a plain file by its resolved name. A link that was put there since is not followed, a FIFO does not block.
pub(super) fn open_plain(real: &Path) -> Result<File, FileError> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(real);
    let file = opened.map_err(|error| told(&error))?;
    let metadata = file.metadata().map_err(|error| told(&error))?;
    if !metadata.is_file() {
        return Err(FileError::NotGranted(format!(
            "{} is not a plain file",
            real.display()
        )));
    }
    // A folder on the way may have been exchanged between the two steps: the kernel knows what was opened.
    let link = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    match std::fs::read_link(link) {
        Ok(opened) if opened != real && !is_deleted(&opened) => Err(FileError::NotGranted(
            format!("{} was exchanged", real.display()),
        )),
        _ => Ok(file),
    }
}

fn is_deleted(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name: &OsStr| name.as_encoded_bytes().ends_with(b" (deleted)"))
}

fn told(error: &io::Error) -> FileError {
    match error.kind() {
        io::ErrorKind::NotFound => FileError::Missing,
        _ => FileError::Other(error.to_string()),
    }
}
