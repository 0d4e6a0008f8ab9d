//! What operators see of the process: logs and metrics.

pub mod logs;
pub mod metrics;
pub mod process;
