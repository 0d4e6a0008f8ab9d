//! What operators see of the process: logs and metrics.

pub mod described;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod process;
