//! What a device prints, read: one file per command. Pure functions of text; a line that can't be read is passed over.
//!
//! Over the old `shell:` service lines end in CR LF, so all of these trim.

pub mod battery;
pub mod cpu;
pub mod memory;
pub mod network;
pub mod properties;
pub mod storage;
pub mod temperature;

/// A share in percent, with two decimals.
#[must_use]
pub fn percent(part: f64, whole: f64) -> Option<f64> {
    let percent = 100.0 * part / whole;
    percent
        .is_finite()
        .then(|| rounded(percent.clamp(0.0, 100.0)))
}

/// Two decimals.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
