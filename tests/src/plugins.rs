//! The compiled guests and bundled plugins, as `cargo xtask test` built them.

use std::path::{Path, PathBuf};

/// Cargo's `target` folder: this program is in `target/debug/deps`.
///
/// # Panics
/// The program was copied elsewhere.
#[must_use]
pub fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows where it is");
    let folder = program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file());
    folder
        .unwrap_or_else(|| panic!("{} is in no target folder", program.display()))
        .to_path_buf()
}

/// The gateway's binary, of this same build.
///
/// # Panics
/// It was not built.
#[must_use]
pub fn binary() -> PathBuf {
    let path = target().join("debug").join("hearthgate");
    assert!(
        path.is_file(),
        "{} is missing: run the tests by `cargo xtask test`, which builds it",
        path.display()
    );
    path
}

/// A compiled bundled plugin (`plugins/ID`) or guest (`tests/guests/ID`); `ID-FEATURE` is a guest built with a feature.
///
/// # Panics
/// It was not built.
#[must_use]
pub fn compiled(id: &str) -> PathBuf {
    let places =
        ["guests", "plugins"].map(|folder| target().join(folder).join(format!("{id}.wasm")));
    let found = places.iter().find(|path| path.is_file());
    found
        .unwrap_or_else(|| {
            panic!(
                "{} is missing: run the tests by `cargo xtask test`, which builds it",
                places[0].display()
            )
        })
        .clone()
}

/// Puts a file into a plugins folder the way an operator should: whole, by a rename.
///
/// # Panics
/// The folder can't be written.
pub fn install(folder: &Path, id: &str, bytes: &[u8]) {
    let partial = folder.join(format!(".{id}.wasm.partial"));
    std::fs::write(&partial, bytes).expect("a plugins folder can be written");
    std::fs::rename(&partial, folder.join(format!("{id}.wasm"))).expect("a plugin can be renamed");
}

/// The same component with other bytes: a custom section more, as a new build of the same source would differ.
#[must_use]
pub fn varied(bytes: &[u8], mark: u32) -> Vec<u8> {
    let name = b"variation";
    let mark = mark.to_le_bytes();
    let length = u8::try_from(1 + name.len() + mark.len()).expect("a short section");
    let mut varied = bytes.to_vec();
    varied.extend([0, length, u8::try_from(name.len()).expect("a short name")]);
    varied.extend(name);
    varied.extend(mark);
    varied
}
