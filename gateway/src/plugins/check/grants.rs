//! Requests against grants: what a plugin can't do without must be granted, and a grant that nobody asked for is told.

use super::{Findings, expand};
use crate::event::TopicFilter;
use crate::plugins::grants::overlaps;
use crate::plugins::manifest::{Manifest, Requests, nearest};
use crate::plugins::services::egress::ConnectGrant;
use crate::plugins::services::files::FileRights;
use serde_json::{Map, Value};

pub(super) fn check(manifest: &Manifest, config: &Map<String, Value>, found: &mut Findings<'_>) {
    let grants = found.instance.grants.clone();
    topics("publish", manifest, |r| &r.publish, &grants.publish, found);
    topics(
        "subscribe",
        manifest,
        |r| &r.subscribe,
        &grants.subscribe,
        found,
    );
    connect(manifest, config, &grants.connect, found);
    files(manifest, config, found);
    let commands: Vec<&str> = grants.commands.keys().map(String::as_str).collect();
    names(
        "grants.commands",
        manifest,
        |r| &r.commands,
        &commands,
        found,
    );
    let secrets = found.instance.secrets.clone();
    let secrets: Vec<&str> = secrets.keys().map(String::as_str).collect();
    secret_names(manifest, &secrets, found);
    let reveal: Vec<&str> = grants.reveal.iter().map(String::as_str).collect();
    names("grants.reveal", manifest, |r| &r.reveal, &reveal, found);
    let call: Vec<&str> = grants.call.iter().map(String::as_str).collect();
    names("grants.call", manifest, |r| &r.call, &call, found);
    let gateway: Vec<&str> = grants.gateway.iter().map(String::as_str).collect();
    names("grants.gateway", manifest, |r| &r.gateway, &gateway, found);
    if manifest.required.system && !grants.system {
        let message = "the plugin needs the machine's figures: set system = true".to_owned();
        found.error("grants.system", message);
    }
    if grants.system && !manifest.required.system && !manifest.optional.system {
        found.warning("grants.system", "the plugin does not ask for it".to_owned());
    }
    handle(manifest, &grants.handle, found);
}

fn topics(
    name: &str,
    manifest: &Manifest,
    sort: impl Fn(&Requests) -> &Vec<TopicFilter>,
    granted: &[TopicFilter],
    found: &mut Findings<'_>,
) {
    let key = format!("grants.{name}");
    for request in sort(&manifest.required) {
        if !granted.iter().any(|g| overlaps(g, request)) {
            let message = format!(
                "the plugin needs {0:?}, and no grant covers any of it: write {name} = [{0:?}]",
                request.as_str()
            );
            found.error(&key, message);
        }
    }
    let requested: Vec<_> = sort(&manifest.required)
        .iter()
        .chain(sort(&manifest.optional))
        .collect();
    for (i, grant) in granted.iter().enumerate() {
        if !requested.iter().any(|r| r.covers(grant)) {
            let message = if requested.iter().any(|r| overlaps(r, grant)) {
                format!(
                    "{:?} is wider than what the plugin asks for ({}); only that is granted",
                    grant.as_str(),
                    listed(&requested)
                )
            } else {
                format!("the plugin does not ask for {:?}", grant.as_str())
            };
            found.warning(&format!("{key}.{i}"), message);
        }
    }
}

fn listed(filters: &[&TopicFilter]) -> String {
    let texts: Vec<String> = filters
        .iter()
        .map(|f| format!("{:?}", f.as_str()))
        .collect();
    texts.join(", ")
}

fn connect(
    manifest: &Manifest,
    config: &Map<String, Value>,
    granted: &[String],
    found: &mut Findings<'_>,
) {
    let mut grants = Vec::new();
    for (i, text) in granted.iter().enumerate() {
        match ConnectGrant::parse(text) {
            Ok(grant) => grants.push(grant),
            Err(error) => found.error(&format!("grants.connect.{i}"), error.to_string()),
        }
    }
    for request in manifest
        .required
        .connect
        .iter()
        .flat_map(|r| expand(r, config))
    {
        match ConnectGrant::parse_request(&request) {
            Ok(wanted) if grants.iter().any(|g| g.overlaps(&wanted)) => {}
            Ok(wanted) => {
                // As a grant is written: a request may be a whole URL.
                let message = format!(
                    "the plugin needs to connect to {request:?}, and no grant covers it: write connect = [\"{wanted}\"]"
                );
                found.error("grants.connect", message);
            }
            Err(error) => found.error(
                "config",
                format!("the plugin would connect to {request:?}: {error}"),
            ),
        }
    }
    if !granted.is_empty() && manifest.all(|r| &r.connect).next().is_none() {
        found.warning(
            "grants.connect",
            "the plugin does not ask to connect anywhere".to_owned(),
        );
    }
}

fn files(manifest: &Manifest, config: &Map<String, Value>, found: &mut Findings<'_>) {
    let granted = found.instance.grants.files.clone();
    if let Err(reason) = FileRights::new(&granted, &[]) {
        found.error("grants.files", reason);
    }
    let required: Vec<String> = manifest
        .required
        .files
        .iter()
        .flat_map(|r| expand(r, config))
        .collect();
    if !required.is_empty() && granted.is_empty() {
        let message = format!("the plugin needs to read {}: add it", required.join(", "));
        found.error("grants.files", message);
    }
    if !granted.is_empty() && manifest.all(|r| &r.files).next().is_none() {
        found.warning(
            "grants.files",
            "the plugin does not ask for files".to_owned(),
        );
    }
}

fn names(
    key: &str,
    manifest: &Manifest,
    sort: impl Fn(&Requests) -> &Vec<String>,
    granted: &[&str],
    found: &mut Findings<'_>,
) {
    for request in sort(&manifest.required) {
        if !granted.contains(&request.as_str()) {
            found.error(
                key,
                format!(
                    "the plugin needs {request:?}: add it{}",
                    close(request, granted)
                ),
            );
        }
    }
    let requested: Vec<&str> = sort(&manifest.required)
        .iter()
        .chain(sort(&manifest.optional))
        .map(String::as_str)
        .collect();
    for grant in granted.iter().filter(|g| !requested.contains(g)) {
        found.warning(
            key,
            format!(
                "the plugin does not ask for {grant:?}{}",
                close(grant, &requested)
            ),
        );
    }
}

/// Secrets may be asked for to be used in templates, to be seen, or both.
fn secret_names(manifest: &Manifest, granted: &[&str], found: &mut Findings<'_>) {
    let required = manifest
        .required
        .secrets
        .iter()
        .chain(&manifest.required.reveal);
    for request in required {
        if !granted.contains(&request.as_str()) {
            found.error(
                "secrets",
                format!(
                    "the plugin needs the secret {request:?}: add it{}",
                    close(request, granted)
                ),
            );
        }
    }
    let requested: Vec<&str> = manifest
        .all(|r| &r.secrets)
        .chain(manifest.all(|r| &r.reveal))
        .map(String::as_str)
        .collect();
    for grant in granted.iter().filter(|g| !requested.contains(g)) {
        found.warning(
            "secrets",
            format!(
                "the plugin does not ask for {grant:?}{}",
                close(grant, &requested)
            ),
        );
    }
}

fn handle(manifest: &Manifest, granted: &[String], found: &mut Findings<'_>) {
    let offered: Vec<&str> = manifest.messages.iter().map(String::as_str).collect();
    for grant in granted.iter().filter(|g| !offered.contains(&g.as_str())) {
        let message = format!(
            "the plugin does not answer messages of type {grant:?}{}",
            close(grant, &offered)
        );
        found.error("grants.handle", message);
    }
    for message in offered.iter().filter(|m| !granted.iter().any(|g| g == *m)) {
        found.warning(
            "grants.handle",
            format!("messages of type {message:?} are not granted, so nobody can send them"),
        );
    }
}

fn close(word: &str, known: &[&str]) -> String {
    nearest(word, known)
}
