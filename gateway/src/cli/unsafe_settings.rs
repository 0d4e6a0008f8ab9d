//! Settings that are valid and unsafe: what `hearthgate check` warns of.

use crate::config::{Config, Origin, Requirement};
use std::net::SocketAddr;

/// A line for each.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    for (i, listener) in config.listeners.iter().enumerate() {
        let public = !is_loopback(listener.address);
        for route in &listener.routes {
            let place = format!("listener[{i}] {} {}", listener.address, route.path);
            let policy = &route.policy;
            if public && policy.authentication.requirement != Requirement::Required {
                found.push(format!(
                    "{place}: anybody who reaches this address gets in without a token, and may do what [access] calls public; authentication = \"required\" closes it"
                ));
            }
            if policy.authentication.query_token {
                found.push(format!(
                    "{place}: query-token = true: tokens in addresses get into the logs of proxies and into browsers' histories"
                ));
            }
            if policy.origins.contains(&Origin::Any) {
                found.push(format!(
                    "{place}: origins = [\"*\"]: any web page can use the gateway from its visitors' browsers"
                ));
            }
        }
    }
    if let Some(address) = config.admin.address.filter(|a| !is_loopback(*a))
        && !config.auth.is_configured()
    {
        found.push(format!(
            "admin.address {address}: a token is required there, and [auth] names nobody who could have one"
        ));
    }
    let access = &config.access;
    let open = access.public.iter().find(|topics| topics.as_str() == "#");
    if open.is_some() && config.listeners.iter().any(|l| !is_loopback(l.address)) {
        found.push(
            "access.public: \"#\" lets everybody read everything that is published".to_owned(),
        );
    }
    if access.public.is_empty() && access.rules.iter().all(|rule| rule.read.is_empty()) {
        found.push(
            "access: nobody may read anything: add access.public or an [[access.rule]] with read"
                .to_owned(),
        );
    }
    if !access.rules.is_empty() && !config.auth.is_configured() {
        found.push("access.rule: rules are for those who say who they are, and [auth] names nobody who could".to_owned());
    }
    found
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unsafe_setting_is_warned_of() {
        let of = |text: &str| warnings(&Config::parse(text).unwrap_or_else(|e| panic!("{e}")));
        let listener = |address: &str, more: &str| {
            format!(
                "[[listener]]\naddress = {address:?}\n{more}\nroutes = [{{ path = \"/ws\", dialect = \"native\" }}]\n[access]\npublic = [\"a/#\"]\n"
            )
        };
        let safe = of(&listener("127.0.0.1:0", ""));
        assert!(safe.is_empty(), "{safe:?}");
        let closed = of(&listener("0.0.0.0:0", "authentication = \"required\""));
        assert!(closed.is_empty(), "{closed:?}");
        for (text, word) in [
            (listener("0.0.0.0:0", ""), "without a token"),
            (
                listener("[::]:0", "authentication = \"lenient\""),
                "without a token",
            ),
            (listener("127.0.0.1:0", "query-token = true"), "query-token"),
            (listener("127.0.0.1:0", "origins = [\"*\"]"), "any web page"),
            (
                "[admin]\naddress = \"0.0.0.0:0\"\n[access]\npublic = [\"a\"]".to_owned(),
                "admin.address",
            ),
            (String::new(), "nobody may read anything"),
            (
                "[[access.rule]]\nread = [\"a\"]".to_owned(),
                "who say who they are",
            ),
        ] {
            let found = of(&text);
            assert!(
                found.len() == 1 && found[0].contains(word),
                "{word}: {found:?}"
            );
        }
    }
}
