//! Where a followed file was left off.

use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

/// So many of the first bytes tell files apart.
pub(super) const FINGERPRINTED: u64 = 256;

/// A place in a file: which file, and the offset of the next line. As text, it is opaque to guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    inode: u64,
    pub(super) offset: u64,
    fingerprint: u64,
}

impl Cursor {
    /// The place in an open file. Only bytes before it are fingerprinted: those don't change while the file grows.
    pub(super) fn of(file: &File, offset: u64) -> Option<Self> {
        let inode = file.metadata().ok()?.ino();
        Some(Self {
            inode,
            offset,
            fingerprint: fingerprint(file, offset)?,
        })
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
        )
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
