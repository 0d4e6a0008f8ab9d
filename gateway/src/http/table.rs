//! The table of a listener's routes.

use crate::config::{DialectName, Listener, Mount};
use crate::event::InstanceName;

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// WebSocket connections of a dialect.
    Dialect(&'a DialectName),
    /// A plugin's routes.
    Plugin(&'a InstanceName),
    /// Nothing.
    Nothing,
}

/// The table of a listener's routes.
#[derive(Debug, Clone)]
pub struct Table {
    router: matchit::Router<Mount>,
    served: String,
    max_body: usize,
}

impl Table {
    /// The routes of a listener; the configuration has checked that no two are the same.
    #[must_use]
    pub fn new(listener: &Listener) -> Self {
        let mut router = matchit::Router::new();
        let mut served = Vec::new();
        for route in &listener.routes {
            if router.insert(&route.path, route.mount.clone()).is_ok() {
                served.push(match route.mount {
                    Mount::Dialect(_) => format!("{} (WebSocket)", route.path),
                    Mount::Plugin(_) => format!("{} (HTTP)", route.path),
                });
            }
        }
        Self {
            router,
            served: served.join(", "),
            max_body: listener.max_body_bytes,
        }
    }

    /// What a path leads to.
    #[must_use]
    pub fn find(&self, path: &str) -> Found<'_> {
        match self.router.at(path).map(|found| found.value) {
            Ok(Mount::Dialect(dialect)) => Found::Dialect(dialect),
            Ok(Mount::Plugin(instance)) => Found::Plugin(instance),
            Err(_) => Found::Nothing,
        }
    }

    /// The paths, for someone who asked for another.
    #[must_use]
    pub fn served(&self) -> &str {
        &self.served
    }

    /// Most bytes of a request's body.
    #[must_use]
    pub fn max_body(&self) -> usize {
        self.max_body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn finds_the_mount_of_a_path() {
        let text = r#"
            [[listener]]
            address = "127.0.0.1:0"
            routes = [{ path = "/ws", dialect = "native" }, { path = "/api/{*rest}", plugin = "rooms" }]
            [handlers.rooms]
            plugin = "rooms"
        "#;
        let config = Config::parse(text).expect("a valid configuration");
        let table = Table::new(&config.listeners[0]);
        let rooms = InstanceName::parse("rooms").expect("a valid name");
        let check = |path, expected| assert_eq!(table.find(path), expected, "{path}");
        check("/ws", Found::Dialect(&DialectName::Native));
        check("/ws/", Found::Nothing);
        check("/api/a/b", Found::Plugin(&rooms));
        check("/api", Found::Nothing);
        assert_eq!(table.served(), "/ws (WebSocket), /api/{*rest} (HTTP)");
    }
}
