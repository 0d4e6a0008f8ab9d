//! Read-only files that the operator names. Grant: `files`.

use crate::raw;
pub use crate::wit::host::files::{FileError, StartAt};

/// Up to `limit` bytes from `offset` on.
///
/// # Errors
/// Not granted, missing, or the operating system's words.
pub fn read(path: &str, offset: u64, limit: u32) -> Result<Vec<u8>, FileError> {
    raw::files::read(path, offset, limit)
}

/// Follows a file as it grows and is rotated; lines arrive at [`Plugin::on_lines`](crate::Plugin::on_lines).
/// A file that is missing is waited for. Keep the last `Lines::cursor` and start there after a restart: each line comes
/// once, also through several rotations, as long as the rotated files are there unpacked. One that is packed is told with
/// [`Input::FileChanged`](crate::Input) and its own path.
///
/// # Errors
/// Not granted, or the limit of files is reached.
pub fn follow(path: &str, start: &StartAt) -> Result<(), FileError> {
    raw::files::follow(path, start)
}

/// Tells with [`Input::FileChanged`](crate::Input) when a file changes.
///
/// # Errors
/// Not granted, or the limit of files is reached.
pub fn watch(path: &str) -> Result<(), FileError> {
    raw::files::watch(path)
}
