//! The admin listener: health, metrics, and the API for operators.
//!
//! Its address is loopback by default, where whoever reaches it may do everything; elsewhere a token is required
//! (`permit`). Requests under a foreign `Host` are refused
//! (DNS rebinding), and so are a browser's requests from other sites (`Origin`, `Sec-Fetch-Site`).

mod endpoints;
mod guard;
mod openapi;
mod permit;
mod publish;
pub mod reload;
mod revoke;
pub mod state;

pub use guard::Guard;
pub use permit::Permit;
pub use reload::{Control, Order, ReloadReport};
pub use state::{Phase, State};

use crate::auth::Record;
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
    permit: Permit,
    router: matchit::Router<Vec<&'static Endpoint>>,
}

impl Admin {
    /// An admin API over a gateway's parts.
    #[must_use]
    pub fn new(state: State, guard: Guard, permit: Permit) -> Self {
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
            permit,
            router,
        }
    }

    /// Performs what who asks may have performed, and remembers what changed something.
    async fn permitted(
        &self,
        operation: Operation,
        instance: Option<&str>,
        request: Request<Incoming>,
        peer: Peer,
    ) -> Reply {
        let ip = peer.address.ip();
        let by = match self.permit.check(operation, request.headers(), ip).await {
            Ok(by) => by,
            Err(refused) => return *refused,
        };
        let reply = self
            .perform(operation, instance, request, by.as_deref())
            .await;
        // The others are either looks, or remember themselves.
        let action = match operation {
            Operation::ReloadPlugin => "plugin_reload",
            Operation::ReloadConfig => "config_reload_request",
            Operation::Publish => "event_published",
            _ => return reply,
        };
        let record = Record::new(action, reply.status().is_success());
        let record = record.by(by.as_deref()).from(ip);
        let audit = self.state.connections.auth().audit();
        match (operation, instance) {
            (Operation::Publish, _) => audit.log(&record),
            (_, Some(instance)) => audit.record(record.with("instance", instance)),
            (_, None) => audit.record(record),
        }
        reply
    }

    async fn perform(
        &self,
        operation: Operation,
        instance: Option<&str>,
        request: Request<Incoming>,
        by: Option<&str>,
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
            Operation::Revocations => state.revocations(),
            Operation::Revoke => state.revoke(request, by).await,
            Operation::Restore => {
                let query = request.uri().query().unwrap_or_default().to_owned();
                state.restore(&query, by).await
            }
            Operation::OpenApi => reply::json(StatusCode::OK, &openapi::document()),
        }
    }
}

impl Answer for Admin {
    async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Reply {
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
                self.permitted(endpoint.operation, instance, request, peer)
                    .await
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
