//! What the log says at the start: what runs where, and for whom.

use crate::admin::Permit;
use crate::config::{Access, Config, DialectName, Mount, Requirement, Route};
use std::net::SocketAddr;

fn spoken(dialects: &[DialectName]) -> String {
    let each = dialects.iter().map(|dialect| match dialect {
        DialectName::Native => "the native protocol".to_owned(),
        DialectName::Plugin(name) => format!("the dialect of {name}"),
    });
    each.collect::<Vec<_>>().join(", ")
}

/// What a client may at a route that does not say who it is.
fn anonymous(access: &Access, route: &Route) -> String {
    if route.policy.authentication.requirement == Requirement::Required {
        return "refused".to_owned();
    }
    let list = |all: Vec<&str>| match all.is_empty() {
        true => "nothing".to_owned(),
        false => all.join(", "),
    };
    match route.mount {
        Mount::Dialects(_) => {
            let read = access.public.iter().map(|topics| topics.as_str()).collect();
            let call = access.public_calls.iter().map(String::as_str).collect();
            format!("may read {} and send {}", list(read), list(call))
        }
        Mount::Plugin(_) => "may ask, unless a rule of [access] names the path".to_owned(),
    }
}

/// Says what runs where.
pub(super) fn announce(config: &Config, addresses: &[SocketAddr], admin: Option<SocketAddr>) {
    for (listener, address) in config.listeners.iter().zip(addresses) {
        for route in &listener.routes {
            let (scheme, what) = match &route.mount {
                Mount::Dialects(dialects) if listener.tls.is_some() => ("wss", spoken(dialects)),
                Mount::Dialects(dialects) => ("ws", spoken(dialects)),
                Mount::Plugin(name) if listener.tls.is_some() => {
                    ("https", format!("the routes of {name}"))
                }
                Mount::Plugin(name) => ("http", format!("the routes of {name}")),
            };
            let url = format!("{scheme}://{address}{}", route.path);
            let without_a_token = anonymous(&config.access, route);
            tracing::info!(%url, %what, %without_a_token, "serving");
        }
    }
    if !config.plugins.directory.is_dir() {
        let directory = config.plugins.directory.display();
        tracing::warn!(%directory, "the plugins folder is not there: create it, or set plugins.directory");
    }
    if let Some(address) = admin {
        let scheme = if config.admin.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let url = format!("{scheme}://{address}");
        let what = "health, metrics and the admin API";
        let without_a_token = match Permit::requires_token(address, config.admin.require_token) {
            true => "health only",
            false => "everything, for whoever reaches this address",
        };
        tracing::info!(%url, what, without_a_token, "serving");
    }
    let plugins = &config.plugins.directory;
    for instance in config.instances.iter().filter(|i| i.enabled) {
        tracing::info!(instance = %instance.name, plugin = %instance.plugin, "plugin configured");
    }
    tracing::info!(plugins = %plugins.display(), instances = config.instances.len(), version = env!("CARGO_PKG_VERSION"), "Hearthgate runs");
}
