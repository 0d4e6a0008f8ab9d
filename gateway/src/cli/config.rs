//! Finding and checking the configuration.

use super::output::{complain, print};
use super::{OK, WRONG};
use crate::config::Loaded;
use crate::gateway::ConfigFile;
use crate::plugins::check::{Problem, Severity};
use std::path::{Path, PathBuf};

/// Where the configuration is looked for if nobody says.
const USUAL: &str = "config/hearthgate.toml";

/// A checked configuration, where it came from, and what the operator is warned of.
pub struct Checked {
    /// The configuration.
    pub loaded: Loaded,
    /// The file; `None`: there is none, and the defaults hold.
    pub file: Option<ConfigFile>,
    /// What to look at, one line each.
    pub warnings: Vec<String>,
}

/// Reads the configuration and holds it against its plugins.
///
/// # Errors
/// Everything that is wrong, ready to be shown.
pub fn load(file: Option<PathBuf>) -> Result<Checked, String> {
    let environment = environment();
    let usual = || Some(PathBuf::from(USUAL)).filter(|p| p.exists());
    let file = file.or_else(usual).map(|path| ConfigFile {
        path,
        environment: environment.clone(),
    });
    let loaded = match &file {
        Some(file) => Loaded::file(&file.path, &file.environment).map_err(|e| e.to_string())?,
        None => {
            let name = Path::new("built-in defaults");
            Loaded::text("", name, Path::new(""), &environment).map_err(|e| e.to_string())?
        }
    };
    let found = crate::plugins::check(&loaded.config);
    let (errors, warnings): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|p| p.severity == Severity::Error);
    let place = |problem: Problem| (problem.instance.to_string(), problem.key, problem.message);
    if !errors.is_empty() {
        return Err(loaded.problems(errors.into_iter().map(place)).to_string());
    }
    let warnings = loaded.problems(warnings.into_iter().map(place)).headlines();
    Ok(Checked {
        loaded,
        file,
        warnings,
    })
}

/// The process's environment, as far as it is text.
fn environment() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// `hearthgate check`
pub fn check(file: Option<PathBuf>) -> u8 {
    let checked = match load(file) {
        Ok(checked) => checked,
        Err(problems) => {
            complain(&problems);
            return WRONG;
        }
    };
    for warning in &checked.warnings {
        complain(&format!("warning: {warning}"));
    }
    let config = &checked.loaded.config;
    let name = checked
        .file
        .map_or("the built-in defaults".to_owned(), |f| {
            f.path.display().to_string()
        });
    let listeners = config.listeners.len();
    let enabled = config.instances.iter().filter(|i| i.enabled).count();
    let instances = config.instances.len();
    print(&format!(
        "{name}: ok ({listeners} listener{}, {enabled} of {instances} plugin instance{} enabled)",
        plural(listeners),
        plural(instances)
    ));
    OK
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
