//! Where a followed file was left off.

use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};

/// So many of the first bytes tell files apart.
pub(super) const FINGERPRINTED: u64 = 256;

/// Which file it is, and when it was changed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    pub(super) inode: u64,
    /// In nanoseconds since the Unix epoch, by the file's own clock.
    pub(super) modified: u64,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let seconds = u64::try_from(metadata.mtime()).unwrap_or(0);
        let nanos = u64::try_from(metadata.mtime_nsec()).unwrap_or(0);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: seconds.saturating_mul(1_000_000_000).saturating_add(nanos),
        }
    }

    /// Whether both are of one file, whatever its name is now.
    pub(super) fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// A place in a file: which file, and the offset of the next line. As text, it is opaque to guests. The file's device is
/// not in it: it can have another number after the machine's next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    inode: u64,
    pub(super) offset: u64,
    fingerprint: u64,
    /// What was changed later than this has something that was not read. `None`: a gateway before this one wrote it.
    pub(super) read_until: Option<u64>,
}

impl Cursor {
    /// The place in an open file. Only bytes before it are fingerprinted: those don't change while the file grows.
    pub(super) fn of(file: &File, offset: u64) -> Option<Self> {
        let metadata = file.metadata().ok()?;
        Some(Self {
            inode: metadata.ino(),
            offset,
            fingerprint: fingerprint(file, offset)?,
            read_until: None,
        })
        .map(|cursor| cursor.after(&metadata))
    }

    /// The same place, in a file that was so before it was read last.
    pub(super) fn after(self, before: &Metadata) -> Self {
        let modified = Stamp::of(before).modified;
        let rest = before.len() > self.offset;
        Self {
            read_until: Some(modified.saturating_sub(u64::from(rest))),
            ..self
        }
    }

    /// The same file's place at another offset, told from the file's first bytes as they were read: the file itself may have
    /// been cut since.
    pub(super) fn moved(self, offset: u64, head: &[u8]) -> Self {
        let first = usize::try_from(offset.min(FINGERPRINTED))
            .map_or(head, |end| &head[..head.len().min(end)]);
        Self {
            offset,
            fingerprint: digest(first),
            ..self
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('-').map(|part| u64::from_str_radix(part, 16));
        let mut next = || numbers.next()?.ok();
        let cursor = Self {
            inode: next()?,
            offset: next()?,
            fingerprint: next()?,
            read_until: next(),
        };
        numbers.next().is_none().then_some(cursor)
    }

    /// Whether this place is in that file: it has grown from what it was.
    pub(super) fn fits(&self, file: &File) -> bool {
        file.metadata()
            .is_ok_and(|metadata| metadata.ino() == self.inode)
            && self.fits_copy(file)
    }

    /// Whether this place is in that file or in what it was copied from.
    pub(super) fn fits_copy(&self, file: &File) -> bool {
        file.metadata()
            .is_ok_and(|metadata| metadata.len() >= self.offset)
            && fingerprint(file, self.offset) == Some(self.fingerprint)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:x}-{:x}-{:x}",
            self.inode, self.offset, self.fingerprint
        )?;
        match self.read_until {
            Some(time) => write!(f, "-{time:x}"),
            None => Ok(()),
        }
    }
}

/// A digest of the first bytes, at most up to `offset`; `None` where the file has not so many.
fn fingerprint(file: &File, offset: u64) -> Option<u64> {
    let mut bytes = [0; FINGERPRINTED as usize];
    let first = &mut bytes[..usize::try_from(offset.min(FINGERPRINTED)).ok()?];
    file.read_exact_at(first, 0).ok()?;
    Some(digest(first))
}

fn digest(first: &[u8]) -> u64 {
    let digest = Sha256::digest(first);
    digest[..8]
        .iter()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
