//! The command `hearthgate`.

fn main() {}
