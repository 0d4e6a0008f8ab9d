//! Reload of the configuration. Everything that can fail comes first; then all of it is applied, and no
//! connection notices.

use super::controller::Controller;
use super::files::unusable_files;
use super::listeners::Prepared;
use super::restart::{keep_what_needs_restart, needs_restart};
use crate::admin::ReloadReport;
use crate::admin::reload::Outcome;
use crate::auth::Record;
use crate::config::{Config, Instance, Loaded};
use crate::event::{Draft, InstanceName, Kind, Labels, Timestamp, Topic};
use crate::listener::{Listening, Settings};
use crate::plugins::check::{Severity, check_routes};
use serde_json::json;
use serde_json::value::to_raw_value;
use std::net::SocketAddr;

/// A configuration that is right, with what the operator is warned of; or what is wrong.
type Checked = Result<(Config, Vec<String>), Vec<String>>;

impl Controller {
    /// Reads the file anew and applies it.
    pub async fn reload_file(&mut self, trigger: &'static str) -> ReloadReport {
        let Some(file) = self.options.file.clone() else {
            let why = "the gateway was started without a configuration file".to_owned();
            return self
                .publish(ReloadReport::refused(trigger, vec![why]))
                .await;
        };
        let before = self.started_with.instances.clone();
        // Files are read and plugins are parsed: not work for the runtime's threads.
        let read = move || -> Checked {
            let loaded = match Loaded::file(&file.path, &file.environment) {
                Ok(loaded) => loaded,
                Err(crate::config::LoadError::Invalid(problems)) => {
                    return Err(problems.headlines());
                }
                Err(error) => return Err(vec![error.to_string()]),
            };
            if loaded.is_blank() {
                let name = file.path.display();
                return Err(vec![format!(
                    "{name}: the file is empty, and a running gateway takes that for an accident; to go back to the defaults write one key, or restart it"
                )]);
            }
            let warnings = check(&loaded.config, &before, |found| {
                loaded.problems([found]).headlines().concat()
            })?;
            let mut wrong = check_routes(&loaded.config);
            wrong.extend(unusable_files(&loaded.config));
            match wrong.is_empty() {
                true => Ok((loaded.config, warnings)),
                false => Err(loaded.problems_at(wrong).headlines()),
            }
        };
        self.reload(trigger, read).await
    }

    /// Applies a configuration that is there already.
    pub async fn reload_with(&mut self, config: Config, trigger: &'static str) -> ReloadReport {
        let before = self.started_with.instances.clone();
        let read = move || -> Checked {
            let warnings = check(&config, &before, |(instance, key, why)| {
                format!("{instance}.{key}: {why}")
            })?;
            Ok((config, warnings))
        };
        self.reload(trigger, read).await
    }

    async fn reload(
        &mut self,
        trigger: &'static str,
        read: impl FnOnce() -> Checked + Send + 'static,
    ) -> ReloadReport {
        let checked = tokio::task::spawn_blocking(read).await;
        let checked = checked.unwrap_or_else(|error| Err(vec![error.to_string()]));
        let report = match checked {
            Ok((config, warnings)) => {
                for warning in warnings {
                    tracing::warn!(%warning, "the configuration has something to look at");
                }
                self.apply(trigger, config).await
            }
            Err(problems) => ReloadReport::refused(trigger, problems),
        };
        self.publish(report).await
    }

    async fn apply(&mut self, trigger: &'static str, mut config: Config) -> ReloadReport {
        let prepared = match self.listeners.prepare(&config.listeners) {
            Ok(prepared) => prepared,
            Err(error) => {
                let why = match &self.options.file {
                    Some(file) => format!("{}: {error}", file.path.display()),
                    None => error.to_string(),
                };
                return ReloadReport::refused(trigger, vec![why]);
            }
        };
        // Reads files and may hash a password: not work for the runtime's threads.
        let auth = self.connections.auth().clone();
        let (accounts, access) = (config.auth.clone(), config.access.clone());
        let applied = tokio::task::spawn_blocking(move || auth.apply(&accounts, &access)).await;
        if let Err(why) = applied.unwrap_or_else(|error| Err(error.to_string())) {
            return ReloadReport::refused(trigger, vec![why]);
        }
        // Whom it does not let in any more goes now: what comes next may take as long as a plugin takes to start.
        self.connections.review().await;
        // Before anything serves them, so that no plugin reaches a listener in between.
        self.plugins
            .set_own_addresses(self.own_addresses(&prepared));
        self.acme.open(&config.acme);
        let needs_restart = needs_restart(&self.started_with, &config);
        keep_what_needs_restart(&self.started_with, &mut config);
        // Plugins before routes: a new route must find its plugin.
        let plugins = self
            .plugins
            .apply(config.plugins.clone(), config.instances.clone())
            .await;
        let head_timeout = config.connections.handshake_timeout;
        if let Some(admin) = &self.admin {
            let settings = admin.settings();
            admin.apply(Settings {
                head_timeout,
                ..(*settings).clone()
            });
        }
        let listeners = self.listeners.exchange(&config.listeners, prepared);
        // After the listeners: open connections look at what these say by now.
        self.connections.apply(config.connections.clone());
        self.connections.review().await;
        let _ = self.addresses.send(self.listeners.addresses());
        self.plugins.set_own_addresses(self.own_addresses(&[]));
        if let Some(logs) = &self.options.logs {
            logs.apply(&config.log);
        }
        self.started_with = config;
        let refused = plugins.refused.iter();
        let problems: Vec<_> = refused
            .map(|(name, why)| format!("{name}: {why}"))
            .collect();
        ReloadReport {
            outcome: match problems.is_empty() {
                true => Outcome::Applied,
                false => Outcome::Partial,
            },
            problems,
            listeners_opened: listeners.opened,
            listeners_closed: listeners.closed,
            plugins,
            needs_restart,
            ..ReloadReport::new(trigger)
        }
    }

    /// Every address of the gateway's own: open ones, those about to be opened, and the admin listener's.
    fn own_addresses(&self, prepared: &[Prepared]) -> Vec<SocketAddr> {
        let admin = self.admin.as_ref().map(Listening::address);
        let prepared = prepared.iter().filter_map(Prepared::address);
        let open = self.listeners.addresses();
        open.into_iter().chain(prepared).chain(admin).collect()
    }

    /// Tells everyone how it went: log, metrics, admin API, and an event.
    async fn publish(&mut self, report: ReloadReport) -> ReloadReport {
        let outcome = match report.outcome {
            Outcome::Applied => "applied",
            Outcome::Partial => "partial",
            Outcome::Refused => "refused",
        };
        metrics::counter!("hearthgate_config_reloads_total", "outcome" => outcome).increment(1);
        let success = report.outcome != Outcome::Refused;
        let record = Record::new("config_reload", success).with("trigger", report.trigger);
        self.connections.auth().audit().record(record);
        metrics::gauge!("hearthgate_config_last_reload_success").set(f64::from(u8::from(success)));
        if success {
            let now = Timestamp::now().as_millis() as f64 / 1000.0;
            metrics::gauge!("hearthgate_config_last_success_timestamp_seconds").set(now);
            tracing::info!(outcome, trigger = report.trigger, plugins = ?report.plugins, opened = ?report.listeners_opened, closed = ?report.listeners_closed, "configuration reloaded");
        } else {
            tracing::error!(
                trigger = report.trigger,
                "configuration refused; nothing has changed"
            );
        }
        for problem in &report.problems {
            tracing::error!(%problem, "a problem of the configuration");
        }
        for key in &report.needs_restart {
            tracing::warn!(key, "the change of this key takes effect at the next start");
        }
        let reason = report.problems.join("\n");
        let data = match reason.is_empty() {
            true => json!({ "outcome": outcome }),
            false => json!({ "outcome": outcome, "reason": reason }),
        };
        if let Some(draft) = draft(&data) {
            let published = self
                .bus
                .publish(&InstanceName::gateway(), vec![draft])
                .await;
            if let Err(error) = published {
                tracing::warn!(%error, "the reload's event was not published");
            }
        }
        let _ = self.last.send(Some(report.clone()));
        report
    }
}

/// Holds a configuration against its plugins: the warnings, or the errors, each written by `say`. A plugin whose file
/// is gone holds up no change of anything else; but a change that names one that is not there is a mistake.
fn check(
    config: &Config,
    before: &[Instance],
    say: impl Fn((String, String, String)) -> String,
) -> Result<Vec<String>, Vec<String>> {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for problem in crate::plugins::check(config) {
        let list = match problem.severity {
            Severity::Error => &mut errors,
            Severity::NoPlugin if named_before(config, before, &problem.instance) => &mut warnings,
            Severity::NoPlugin => &mut errors,
            Severity::Warning => &mut warnings,
        };
        list.push(say((
            problem.instance.to_string(),
            problem.key,
            problem.message,
        )));
    }
    match errors.is_empty() {
        true => Ok(warnings),
        false => Err(errors),
    }
}

/// Whether an instance was one of that plugin before.
fn named_before(config: &Config, before: &[Instance], name: &InstanceName) -> bool {
    let plugin = |instances: &[Instance]| {
        let instance = instances.iter().find(|i| i.name == *name && i.enabled);
        instance.map(|i| i.plugin.clone())
    };
    plugin(before) == plugin(&config.instances)
}

fn draft(data: &serde_json::Value) -> Option<Draft> {
    Some(Draft {
        kind: Kind::parse("gateway.config_reloaded").ok()?,
        topic: Topic::parse("gateway/config").ok()?,
        labels: Labels::default(),
        data: to_raw_value(data).ok()?,
        occurred_at: None,
        retain: true,
        audience: Vec::new(),
    })
}
