//! The table of a listener's routes.

use crate::config::{Cors, Listener, Mount, Proxies, Route};

/// The table of a listener's routes.
#[derive(Debug, Clone)]
pub struct Table {
    router: matchit::Router<usize>,
    routes: Vec<Route>,
    cors: Cors,
    proxies: Proxies,
    served: String,
    max_body: usize,
}

impl Table {
    /// The routes of a listener; the configuration has checked that no two are the same.
    #[must_use]
    pub fn new(listener: &Listener) -> Self {
        let mut router = matchit::Router::new();
        let mut served = Vec::new();
        for (i, route) in listener.routes.iter().enumerate() {
            if router.insert(&route.path, i).is_ok() {
                served.push(match route.mount {
                    Mount::Dialects(_) => format!("{} (WebSocket)", route.path),
                    Mount::Plugin(_) => format!("{} (HTTP)", route.path),
                });
            }
        }
        Self {
            router,
            routes: listener.routes.clone(),
            cors: listener.cors.clone(),
            proxies: listener.proxies.clone(),
            served: served.join(", "),
            max_body: listener.max_body_bytes,
        }
    }

    /// What a path leads to.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Route> {
        let found = self.router.at(path).ok()?;
        self.routes.get(*found.value)
    }

    /// What browsers' pages may ask.
    #[must_use]
    pub fn cors(&self) -> &Cors {
        &self.cors
    }

    /// Proxies in front.
    #[must_use]
    pub fn proxies(&self) -> &Proxies {
        &self.proxies
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
    fn finds_the_route_of_a_path() {
        let text = r#"
            [[listener]]
            address = "127.0.0.1:0"
            routes = [
                { path = "/ws", dialect = "native" },
                { path = "/api/{*rest}", plugin = "rooms" },
                { path = "/rooms", plugin = "rooms" },
                { path = "/rooms/", plugin = "rooms" },
                { path = "/rooms/{*rest}", plugin = "rooms" },
            ]
            [handlers.rooms]
            plugin = "rooms"
        "#;
        let config = Config::parse(text).expect("a valid configuration");
        let table = Table::new(&config.listeners[0]);
        let check = |path, expected: Option<&str>| {
            let found = table.find(path).map(|route| route.path.as_str());
            assert_eq!(found, expected, "{path}");
        };
        check("/ws", Some("/ws"));
        check("/ws/", None);
        check("/api/a/b", Some("/api/{*rest}"));
        check("/api", None);
        check("/rooms", Some("/rooms"));
        check("/rooms/", Some("/rooms/"));
        check("/rooms/7", Some("/rooms/{*rest}"));
        check("/rooms/7/", Some("/rooms/{*rest}"));
        assert!(
            table
                .served()
                .starts_with("/ws (WebSocket), /api/{*rest} (HTTP)")
        );
    }
}
