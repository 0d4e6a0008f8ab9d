//! Finding and checking the configuration.

use super::output::{complain, print};
use super::{OK, WRONG};
use crate::config::{Config, LoadError, Loaded, SecretSource};
use crate::gateway::{ConfigFile, unusable_files};
use crate::plugins::check::{Problem, Severity, check_routes};
use std::path::{Path, PathBuf};

/// Where the configuration is looked for if nobody says.
const USUAL: &str = "config/hearthgate.toml";

/// What a command makes of a plugin whose file is not there or can't be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlugin {
    /// It is wrong.
    Refused,
    /// The gateway runs without it: the file may come later.
    Awaited,
}

/// A configuration, and where it came from.
pub struct Read {
    /// The configuration.
    pub loaded: Loaded,
    /// The file; `None`: there is none, and the defaults hold.
    pub file: Option<ConfigFile>,
}

/// A configuration that fits its plugins, and what the operator is warned of.
pub struct Checked {
    /// The configuration.
    pub loaded: Loaded,
    /// The file; `None`: there is none, and the defaults hold.
    pub file: Option<ConfigFile>,
    /// What to look at, one line each.
    pub warnings: Vec<String>,
}

/// Reads the configuration.
///
/// # Errors
/// Everything that is wrong with the text, ready to be shown.
pub fn read(file: Option<PathBuf>) -> Result<Read, String> {
    let environment = environment();
    let usual = || Some(PathBuf::from(USUAL)).filter(|p| p.exists());
    let mut file = file.or_else(usual).map(|path| ConfigFile {
        path,
        environment: environment.clone(),
        text: String::new(),
    });
    let loaded = match &file {
        Some(file) => {
            let loaded = Loaded::file(&file.path, &file.environment);
            loaded.map_err(|error| match error {
                LoadError::Invalid(problems) => {
                    format!("{problems}\nmend these first: plugins, certificates and keys were not looked at")
                }
                other => other.to_string(),
            })?
        }
        None => {
            let name = Path::new("built-in defaults");
            Loaded::text("", name, Path::new(""), &environment).map_err(|e| e.to_string())?
        }
    };
    if let Some(file) = &mut file {
        loaded.source().clone_into(&mut file.text);
    }
    Ok(Read { loaded, file })
}

/// Reads the configuration and holds it against its plugins.
///
/// # Errors
/// Everything that is wrong, ready to be shown.
pub fn load(file: Option<PathBuf>, no_plugin: NoPlugin) -> Result<Checked, String> {
    let Read { loaded, file } = read(file)?;
    let refused = |p: &Problem| match p.severity {
        Severity::Error => true,
        Severity::NoPlugin => no_plugin == NoPlugin::Refused,
        Severity::Warning => false,
    };
    let found = crate::plugins::check(&loaded.config);
    let (errors, mut warnings): (Vec<_>, Vec<_>) = found.into_iter().partition(refused);
    warnings.extend(secrets_without_value(&loaded.config));
    let place = |problem: Problem| (problem.instance.to_string(), problem.key, problem.message);
    let mut wrong = Vec::new();
    if !errors.is_empty() {
        wrong.push(loaded.problems(errors.into_iter().map(place)).to_string());
    }
    let mut elsewhere = check_routes(&loaded.config);
    elsewhere.extend(unusable_files(&loaded.config));
    if !elsewhere.is_empty() {
        wrong.push(loaded.problems_at(elsewhere).to_string());
    }
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let mut warnings = loaded.problems(warnings.into_iter().map(place)).headlines();
    let keys = crate::auth::key_problems(&loaded.config.auth).into_iter();
    let keys = keys.map(|(key, why)| ("auth".to_owned(), key, why));
    warnings.extend(loaded.problems(keys).headlines());
    if !loaded.config.plugins.directory.is_dir() && loaded.config.instances.is_empty() {
        let why = "the folder is not there: create it, or name another".to_owned();
        let key = ["plugins", "directory"].map(str::to_owned).to_vec();
        warnings.extend(loaded.problems_at([(key, why)]).headlines());
    }
    warnings.extend(super::unsafe_settings::warnings(&loaded.config));
    warnings.extend(super::certificates::warnings(&loaded.config));
    if let Some(file) = file.as_ref().filter(|_| loaded.is_blank()) {
        let name = file.path.display();
        warnings.push(format!("{name}: the file is empty, so every default holds"));
    }
    Ok(Checked {
        loaded,
        file,
        warnings,
    })
}

/// Secrets that have no value in this environment, for this user. No errors: where the gateway runs they may have one,
/// and a plugin that needs one waits for it.
fn secrets_without_value(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    for instance in config.instances.iter().filter(|i| i.enabled) {
        for (name, source) in &instance.secrets {
            let Some(why) = without_value(source) else {
                continue;
            };
            problems.push(Problem {
                instance: instance.name.clone(),
                key: format!("secrets.{name}"),
                message: why,
                severity: Severity::Warning,
            });
        }
    }
    problems
}

/// Why a secret has no value here.
fn without_value(source: &SecretSource) -> Option<String> {
    let unreadable = |path: &Path| match std::fs::File::open(path) {
        Ok(_) => None,
        Err(error) => Some(format!("{}: {error}", path.display())),
    };
    match source {
        SecretSource::Env(variable) if std::env::var_os(variable).is_some() => None,
        SecretSource::Env(variable) => Some(format!(
            "the environment variable {variable} is not set here"
        )),
        SecretSource::File(path) => unreadable(path),
        // Only the service itself has its credentials; another process can't tell.
        SecretSource::Credential(name) => {
            let path = SecretSource::credential(name).ok()?;
            unreadable(&path)
        }
    }
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
    let checked = match load(file, NoPlugin::Refused) {
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
