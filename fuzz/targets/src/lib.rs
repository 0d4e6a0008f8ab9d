//! What is fuzzed: the places where bytes from outside are first understood, each with what must hold for any input.
//!
//! Under libFuzzer by `cargo +nightly fuzz run NAME` (see `fuzz/README.md`), and as a smoke test with everything else.

mod androidzen;
mod configuration;
mod dialect;
mod filters;
mod frames;
mod homeguard;
mod jwt;
mod loader;
mod pma;
mod request;

pub use androidzen::androidzen;
pub use configuration::{configuration, manifest};
pub use filters::filters;
pub use frames::frames;
pub use homeguard::homeguard;
pub use jwt::jwt;
pub use loader::loader;
pub use pma::pma;
pub use request::request;

/// A target: bytes in, a panic where something does not hold.
pub type Target = fn(&[u8]);

/// All targets by name; each has a folder of seeds of that name.
pub const TARGETS: &[(&str, Target)] = &[
    ("androidzen", androidzen),
    ("configuration", configuration),
    ("filters", filters),
    ("frames", frames),
    ("homeguard", homeguard),
    ("jwt", jwt),
    ("loader", loader),
    ("manifest", manifest),
    ("pma", pma),
    ("request", request),
];
