//! The host's functions: the real ones in a guest; on the author's machine, those of
//! [`testing`](crate::testing), so that a plugin's logic can be tested with plain `cargo test`.

#[cfg(not(target_arch = "wasm32"))]
pub use crate::testing::fake::*;
#[cfg(target_arch = "wasm32")]
pub use crate::wit::host::*;
