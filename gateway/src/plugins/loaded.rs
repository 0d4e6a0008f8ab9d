//! A plugin that is ready to run as one instance: compiled, checked against the operator's configuration, with the
//! rights that follow from both.

use super::check::{Problem, Severity, check_instance, expanded};
use super::configuration;
use super::engine::Compiled;
use super::grants::Permissions;
use super::interfaces::Role;
use super::package::Package;
use super::services::Rights;
use super::services::egress::tls::read_certificates;
use super::services::egress::{ConnectGrant, GrantError, Policy};
use super::services::files::FileRights;
use super::services::secrets::Secrets;
use crate::config::Instance;
use std::path::PathBuf;
use std::sync::Arc;

/// A plugin that is ready to run as one instance.
pub struct Loaded {
    /// The file.
    pub package: Arc<Package>,
    /// The machine code.
    pub compiled: Compiled,
    /// What the operator wrote.
    pub instance: Arc<Instance>,
    /// The configuration with defaults, as JSON.
    pub config: String,
    /// What it may do within the gateway.
    pub permissions: Arc<Permissions>,
    /// What it may do outside.
    pub rights: Rights,
}

impl Loaded {
    /// Checks and combines.
    ///
    /// # Errors
    /// The first problem that keeps it from running, with its key.
    pub fn new(
        package: Arc<Package>,
        compiled: Compiled,
        instance: Arc<Instance>,
    ) -> Result<Self, String> {
        refuse_problems(&package, &instance)?;
        let manifest = &package.manifest;
        let config = configuration::complete(manifest.config.as_ref(), &instance.config)
            .map_err(|misfits| format!("{}: {}", misfits[0].key, misfits[0].message))?;
        let parse = |texts: Vec<String>, f: fn(&str) -> Result<ConnectGrant, GrantError>| {
            texts
                .iter()
                .map(|t| f(t))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| e.to_string())
        };
        let requested = parse(
            expanded(manifest, &config, |r| &r.connect),
            ConnectGrant::parse_request,
        )?;
        let granted = parse(instance.grants.connect.clone(), ConnectGrant::parse)?;
        let mut trusted = Vec::new();
        for file in &instance.tls_ca {
            trusted.extend(read_certificates(file)?);
        }
        let files: Vec<PathBuf> = expanded(manifest, &config, |r| &r.files)
            .into_iter()
            .map(Into::into)
            .collect();
        let named = |name: &String, sort: fn(&super::manifest::Requests) -> &Vec<String>| {
            sort(&manifest.required).contains(name) || sort(&manifest.optional).contains(name)
        };
        let mut sources = instance.secrets.clone();
        sources.retain(|name, _| named(name, |r| &r.secrets) || named(name, |r| &r.reveal));
        let mut commands = instance.grants.commands.clone();
        commands.retain(|name, _| named(name, |r| &r.commands));
        let reveal = instance
            .grants
            .reveal
            .iter()
            .filter(|n| named(n, |r| &r.reveal))
            .cloned();
        let rights = Rights {
            connect: Policy::new(granted, requested).trusting(trusted),
            files: FileRights::new(&instance.grants.files, &files)?,
            commands,
            secrets: Secrets::new(sources, reveal),
            system: instance.grants.system
                && (manifest.required.system || manifest.optional.system),
            limits: instance.limits.clone(),
        };
        Ok(Self {
            config: serde_json::Value::Object(config).to_string(),
            permissions: Arc::new(Permissions::new(manifest, &instance)),
            rights,
            package,
            compiled,
            instance,
        })
    }

    /// Whether it is one guest with state, or several without.
    #[must_use]
    pub fn is_source(&self) -> bool {
        self.package.roles.contains(&Role::Source)
    }

    /// Its version and the beginning of its hash, for people.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.package.manifest.version
    }
}

/// Logs the warnings, and makes one text of the errors.
fn refuse_problems(package: &Package, instance: &Instance) -> Result<(), String> {
    let problems = check_instance(package, instance);
    for Problem { key, message, .. } in problems.iter().filter(|p| p.severity == Severity::Warning)
    {
        tracing::info!(
            instance = instance.name.as_str(),
            key,
            message,
            "configuration of a plugin"
        );
    }
    let errors: Vec<String> = problems
        .iter()
        .filter(|p| p.severity == Severity::Error)
        .map(|p| format!("{}: {}", p.key, p.message))
        .collect();
    if !errors.is_empty() {
        return Err(errors.join("; "));
    }
    Ok(())
}
