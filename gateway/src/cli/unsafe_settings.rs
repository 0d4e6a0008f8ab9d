//! Settings that are valid and unsafe: what `hearthgate check` warns of.

use crate::config::{Config, Listener, Origin, Requirement, Route};
use std::net::SocketAddr;

/// Whether a route has it, and why it is unsafe.
type Unsafe<'a> = (&'a dyn Fn(&Route) -> bool, &'static str);

/// A line for each.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    for (i, listener) in config.listeners.iter().enumerate() {
        let public = !is_loopback(listener.address);
        let told: [Unsafe<'_>; 3] = [
            (
                &|r| public && r.policy.authentication.requirement != Requirement::Required,
                "anybody who reaches this address gets in without a token, and may do what [access] calls public; authentication = \"required\" closes it",
            ),
            (
                &|r| r.policy.authentication.query_token,
                "query-token = true: tokens in addresses get into the logs of proxies and into browsers' histories",
            ),
            (
                &|r| r.policy.origins.contains(&Origin::Any),
                "origins = [\"*\"]: any web page can use the gateway from its visitors' browsers",
            ),
        ];
        for (is_so, why) in told {
            if let Some(routes) = named(listener, is_so) {
                let address = listener.address;
                found.push(format!("listener[{i}] {address} {routes}: {why}"));
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

/// The routes of which something is so: "every route" where that is several and all of them.
fn named(listener: &Listener, is_so: impl Fn(&Route) -> bool) -> Option<String> {
    let paths: Vec<_> = listener.routes.iter().filter(|r| is_so(r)).collect();
    match paths.len() {
        0 => None,
        several if several > 1 && several == listener.routes.len() => {
            Some(format!("every route ({several})"))
        }
        _ => {
            let paths: Vec<_> = paths.iter().map(|route| route.path.as_str()).collect();
            Some(paths.join(", "))
        }
    }
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
            (
                "[[listener]]\naddress = \"127.0.0.1:0\"\nquery-token = true\nroutes = [{ path = \"/a\", dialect = \"native\" }, { path = \"/b\", dialect = \"native\" }]\n[access]\npublic = [\"a\"]".to_owned(),
                "every route (2): query-token",
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
