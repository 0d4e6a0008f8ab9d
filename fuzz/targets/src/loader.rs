//! The plugin loader: a file from the plugins folder, before anything is compiled.

use hearthgate::plugins::package::Package;
use std::path::Path;

/// A manifest for files that bring none.
const SIDECAR: &[u8] =
    b"[plugin]\nid = \"clock\"\nversion = \"0.1.0\"\napi = \"0.2\"\ndescription = \"A clock\"\n";

/// Any file is a plugin, or has a reason that can be shown.
pub fn loader(data: &[u8]) {
    for sidecar in [None, Some(SIDECAR)] {
        let path = Path::new("clock.wasm");
        if let Err(error) = Package::parse(path, "clock", data.to_vec(), sidecar) {
            assert!(!error.to_string().is_empty());
        }
    }
}
