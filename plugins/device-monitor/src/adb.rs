//! The adb server's protocol, as one of its clients speaks it: no process is started, no key is held.

pub mod command;
pub mod list;
pub mod script;
pub mod session;
pub mod tracker;
pub mod wire;
