//! The admin listener: health, metrics, and the API for operators.
//!
//! It is not authenticated. Its address is loopback by default, requests under a foreign `Host` are refused
//! (DNS rebinding), and so are a browser's requests from other sites (`Origin`, `Sec-Fetch-Site`).

mod endpoints;
mod guard;
mod openapi;
mod publish;
pub mod reload;
pub mod state;

pub use guard::Guard;
pub use reload::{Control, Order, ReloadReport};
pub use state::{Phase, State};

use crate::event::InstanceName;
use crate::http::reply;
use crate::listener::{Answer, Peer};
use bytes::Bytes;
use endpoints::{ENDPOINTS, Endpoint, Operation};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

/// What an endpoint answers with.
type Reply = Response<Full<Bytes>>;

/// Answers the requests of the admin listener.
pub struct Admin {
    state: State,
    guard: Guard,
    router: matchit::Router<Vec<&'static Endpoint>>,
}

impl Admin {
    /// An admin API over a gateway's parts.
    #[must_use]
    pub fn new(state: State, guard: Guard) -> Self {
        let mut router: matchit::Router<Vec<&'static Endpoint>> = matchit::Router::new();
        for endpoint in ENDPOINTS {
            if let Ok(found) = router.at_mut(endpoint.path) {
                found.value.push(endpoint);
            } else {
                let added = router.insert(endpoint.path, vec![endpoint]);
                added.expect("the endpoints' paths are different");
            }
        }
        Self {
            state,
            guard,
            router,
        }
    }

    async fn perform(
        &self,
        operation: Operation,
        instance: Option<&str>,
        request: Request<Incoming>,
    ) -> Reply {
        let state = &self.state;
        match operation {
            Operation::Live => reply::json(StatusCode::OK, &serde_json::json!({ "live": true })),
            Operation::Ready => state.ready(),
            Operation::Metrics => {
                let body = state.metrics.render();
                reply::text(StatusCode::OK, "text/plain; version=0.0.4", body)
            }
            Operation::Stats => reply::json(StatusCode::OK, &state.stats()),
            Operation::Connections => state.connections(request.uri().query().unwrap_or_default()),
            Operation::Plugins => state.plugins(),
            Operation::ReloadPlugin => match instance.map(InstanceName::parse) {
                Some(Ok(instance)) => state.reload_plugin(&instance).await,
                _ => reply::error(StatusCode::NOT_FOUND, "NOT_FOUND", "no such instance"),
            },
            Operation::Config => state.config(),
            Operation::ReloadConfig => state.reload_config().await,
            Operation::Publish => publish::publish(&state.bus, request).await,
            Operation::OpenApi => reply::json(StatusCode::OK, &openapi::document()),
        }
    }
}

impl Answer for Admin {
    async fn answer(&self, request: Request<Incoming>, _peer: Peer) -> Reply {
        if let Err(why) = self.guard.check(request.headers(), request.uri()) {
            return reply::error(StatusCode::FORBIDDEN, "FORBIDDEN", &why);
        }
        let path = request.uri().path().to_owned();
        let Ok(found) = self.router.at(&path) else {
            let known: Vec<_> = ENDPOINTS.iter().map(|e| e.path).collect();
            let why = format!(
                "nothing is served on {path:?}; there are {}",
                known.join(", ")
            );
            return reply::error(StatusCode::NOT_FOUND, "NOT_FOUND", &why);
        };
        // HEAD is GET without the body, which hyper leaves out (RFC 9110, section 9.3.2).
        let method = match *request.method() {
            Method::HEAD => "GET",
            ref method => method.as_str(),
        };
        match found.value.iter().find(|e| e.method == method) {
            Some(endpoint) => {
                let instance = found.params.get("instance");
                self.perform(endpoint.operation, instance, request).await
            }
            None => not_allowed(found.value),
        }
    }
}

fn not_allowed(endpoints: &[&Endpoint]) -> Reply {
    let methods: Vec<_> = endpoints.iter().map(|e| e.method).collect();
    let allow = methods.join(", ").replace("GET", "GET, HEAD");
    let why = format!("this path answers {allow}");
    let mut response = reply::error(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", &why);
    if let Ok(allow) = HeaderValue::from_str(&allow) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}
