//! The files that a configuration names besides the plugins': certificates and keys. Looked at before anything starts
//! and before anything changes, so that a gateway never runs, and never reloads, into a key that it can't use.

use crate::auth::unusable_keys;
use crate::config::{Config, Role, Tls};
use crate::listener::tls;
use crate::plugins::services::egress::tls::read_certificates;

/// A key of the configuration, step by step, and what is wrong with the file that it names.
pub type Wrong = (Vec<String>, String);

/// Everything that can't be used.
#[must_use]
pub fn unusable_files(config: &Config) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (i, listener) in config.listeners.iter().enumerate() {
        let table = ["listener".to_owned(), i.to_string()];
        wrong.extend(listener.tls.as_ref().and_then(|tls| unusable(&table, tls)));
    }
    let admin = config.admin.tls.as_ref();
    wrong.extend(admin.and_then(|tls| unusable(&["admin".to_owned()], tls)));
    for (i, why) in unusable_keys(&config.auth.issuers) {
        let steps = ["auth", "issuer", &i.to_string(), "key"].map(str::to_owned);
        wrong.push((steps.to_vec(), why));
    }
    for instance in config.instances.iter().filter(|i| i.enabled) {
        for (i, file) in instance.tls_ca.iter().enumerate() {
            let Err(why) = read_certificates(file) else {
                continue;
            };
            let table = match instance.role {
                Role::Source => "sources",
                Role::Handler => "handlers",
            };
            let (name, item) = (instance.name.as_str(), i.to_string());
            let steps = [table, name, "tls-ca", &item].map(str::to_owned);
            let why = why.trim_start_matches("tls-ca: ").to_owned();
            wrong.push((steps.to_vec(), why));
        }
    }
    wrong
}

fn unusable(table: &[String], settings: &Tls) -> Option<Wrong> {
    let (key, why) = tls::check(settings).err()?;
    let own = ["tls", key].map(str::to_owned);
    Some((table.iter().cloned().chain(own).collect(), why))
}
