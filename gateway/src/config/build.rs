//! Plain data → the validated types.

use super::connections::Dialects;
use super::reference::TOP;
use super::section::{Report, Section};
use super::tree::{Node, Place};
use super::{
    Access, Acme, Admin, Auth, Config, Connections, Instance, Listener, Log, LogFormat, Plugins,
    Role, Shutdown, Tls,
};
use crate::event::InstanceName;
use std::collections::BTreeMap;

/// Reads all of a configuration. What is wrong is in the report, and then the result must not be used.
pub fn build(root: Option<&Node>, report: &Report) -> Config {
    let top = Section::new(root, TOP, String::new(), report);
    let instances = instances(&top);
    let dialects = Dialects::read(&top);
    let mut connections = Connections::read(&top.section("connections"));
    connections.dialects = dialects.terms(&connections.terms);
    let config = Config {
        listeners: listeners(&top, &connections, &dialects),
        admin: admin(&top.section("admin")),
        auth: Auth::read(&top.section("auth")),
        access: Access::read(&top.section("access")),
        acme: Acme::read(&top.section("acme")),
        connections,
        plugins: plugins(&top.section("plugins")),
        instances,
        log: log(&top.section("log")),
        shutdown: Shutdown {
            deadline: top.section("shutdown").span("deadline"),
            reconnect_spread: top.section("shutdown").span("reconnect-spread"),
        },
    };
    check_addresses(&top, &config);
    check_routes(&top, &config, &dialects);
    check_terms(&top, &config);
    config
}

fn listeners(
    top: &Section<'_>,
    connections: &Connections,
    dialects: &Dialects<'_>,
) -> Vec<Listener> {
    let read = |section: &Section<'_>| Listener::read(section, connections, dialects);
    if top.has("listener") {
        let sections = top.sections("listener");
        return sections.iter().filter_map(read).collect();
    }
    let default = TOP.iter().find(|k| k.name == "listener");
    let text = default.expect("the reference has it").default;
    let node = Node::parse_value(&format!("{{ listener = {text} }}"), &Place::Nowhere);
    let node = node.expect("defaults are valid TOML");
    let top = Section::new(Some(&node), TOP, String::new(), top.report());
    let sections = top.sections("listener");
    sections.iter().filter_map(read).collect()
}

fn admin(section: &Section<'_>) -> Admin {
    let host = |text: &str| match text {
        "" => Err("a host name is empty".to_owned()),
        _ => Ok(text.to_ascii_lowercase()),
    };
    let address = section.address("address");
    Admin {
        address: address.filter(|_| section.flag("enabled")),
        allowed_hosts: section.texts("allowed-hosts", host),
        require_token: section.flag("require-token"),
        role: section.text("role").unwrap_or_default(),
        tls: Tls::read(section),
    }
}

fn plugins(section: &Section<'_>) -> Plugins {
    Plugins {
        directory: section.path("directory"),
        state_directory: section.path("state-directory"),
        max_file_bytes: section.number("max-file"),
        probation: section.span("probation"),
    }
}

fn log(section: &Section<'_>) -> Log {
    let filter = section.text("filter").unwrap_or_default();
    for directive in filter.split(',') {
        if let Err(why) = check_directive(directive.trim()) {
            section.problem("filter", why);
        }
    }
    Log {
        filter,
        format: match section.text("format").as_deref() {
            Some("json") => LogFormat::Json,
            _ => LogFormat::Text,
        },
    }
}

/// `level` or `target=level`. tracing would take a misspelt level for a target, and log nothing.
fn check_directive(directive: &str) -> Result<(), String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let level = directive
        .rsplit_once('=')
        .map_or(directive, |(_, level)| level);
    match LEVELS.contains(&level) {
        true => Ok(()),
        false => Err(super::scalar::unknown_word(level, &LEVELS)),
    }
}

fn instances(top: &Section<'_>) -> Vec<Instance> {
    let mut instances = Vec::new();
    let mut seen: BTreeMap<InstanceName, String> = BTreeMap::new();
    for (table, role) in [("sources", Role::Source), ("handlers", Role::Handler)] {
        for (name, place, section) in top.named(table) {
            let key = section.name();
            match InstanceName::parse(name) {
                Err(error) => top.report().add(place, key, error.to_string()),
                Ok(name) => {
                    if let Some(first) = seen.get(&name) {
                        let why = format!(
                            "the name is taken by {first}; names are unique over sources and handlers"
                        );
                        top.report().add(place, key, why);
                    }
                    seen.insert(name.clone(), key.to_owned());
                    instances.push(Instance::read(name, role, &section));
                }
            }
        }
    }
    instances
}

/// No address twice. Port 0 is a free port, and so never the same.
fn check_addresses(top: &Section<'_>, config: &Config) {
    let mut seen: Vec<(std::net::SocketAddr, String)> = Vec::new();
    let listeners = top.sections("listener");
    let named = listeners.iter().filter_map(|s| {
        let address = s.address("address")?;
        Some((address, s.key("address"), s.place("address")))
    });
    if !top.has("listener") {
        let default = config.listeners.iter();
        seen.extend(default.map(|l| (l.address, "the default listener".to_owned())));
    }
    let admin = top.section("admin");
    let admin = config
        .admin
        .address
        .map(|a| (a, admin.key("address"), admin.place("address")));
    let all: Vec<(std::net::SocketAddr, String, Place)> = named.chain(admin).collect();
    for (address, key, place) in all.into_iter().filter(|(a, ..)| a.port() != 0) {
        match seen.iter().find(|(a, _)| same_socket(*a, address)) {
            Some((first, name)) if *first == address => {
                let why = format!("{address} is the address of {name} already");
                top.report().add(&place, key, why);
            }
            Some((first, name)) => {
                let why = format!(
                    "{address} is taken by {name}, which listens on {first}: that is every address of this machine"
                );
                top.report().add(&place, key, why);
            }
            None => seen.push((address, key)),
        }
    }
}

/// Whether the system would refuse to listen on both.
fn same_socket(a: std::net::SocketAddr, b: std::net::SocketAddr) -> bool {
    let family = a.is_ipv4() == b.is_ipv4();
    let wild = a.ip().is_unspecified() || b.ip().is_unspecified();
    a == b || (a.port() == b.port() && family && wild)
}

/// Only the operator can agree to what an ACME server asks for.
fn check_terms(top: &Section<'_>, config: &Config) {
    let listeners = config.listeners.iter().map(|listener| &listener.tls);
    let mut all = listeners.chain([&config.admin.tls]).flatten();
    if !config.acme.terms_agreed && all.any(|tls| tls.acme().is_some()) {
        let why = "must be true for tls.acme: the server issues certificates to those who agree to its terms of service; write it under [acme]";
        top.section("acme").problem("terms-of-service-agreed", why);
    }
}

/// Routes lead to instances that exist, and so do the tables of dialects.
fn check_routes(top: &Section<'_>, config: &Config, dialects: &Dialects<'_>) {
    let known = config.instances.iter().map(|i| i.name.as_str());
    let known: Vec<_> = known.collect();
    let with_native: Vec<_> = ["native"]
        .into_iter()
        .chain(known.iter().copied())
        .collect();
    for listener in top.sections("listener") {
        for route in listener.sections("routes") {
            for (name, known) in [("dialect", &with_native), ("plugin", &known)] {
                if let Some(target) = route.text(name)
                    && let Err(why) = exists(&target, known)
                {
                    route.problem(name, why);
                }
            }
            let _reported = route.texts("dialects", |name| exists(name, &with_native));
        }
    }
    for (name, section) in dialects.strangers(&known) {
        if let Err(why) = exists(&name, &with_native) {
            let place = section.place("");
            top.report().add(&place, section.name(), why);
        }
    }
}

fn exists(target: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&target) {
        return Ok(());
    }
    Err(match super::keys::nearest(target, known.iter().copied()) {
        Some(near) => format!("no instance is called {target:?}; did you mean {near:?}?"),
        None if known.is_empty() => {
            format!("no instance is called {target:?}: there is none yet")
        }
        None => format!(
            "no instance is called {target:?}; there are {}",
            super::keys::quoted(known)
        ),
    })
}
