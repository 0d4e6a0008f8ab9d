//! What operators and integrators write: the configuration and the manifest.

use hearthgate::config::Config;
use hearthgate::plugins::manifest::Manifest;

/// Any text is a configuration, or has at least one problem that can be shown.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Err(problems) = Config::parse(text) {
        assert!(!problems.to_string().is_empty());
    }
}

/// Any text is a manifest, or has an error that can be shown.
pub fn manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Err(error) = Manifest::parse(text) {
        assert!(!error.to_string().is_empty());
    }
}
