//! A host to test a plugin's logic against with plain `cargo test`, without a gateway. It exists on native
//! targets only; each test's thread has one of its own.
//!
//! ```
//! use hearthgate_plugin::{Event, testing};
//! testing::on_system(|| Ok(r#"{"uptime_seconds": 5}"#.to_owned()));
//! Event::new("acme.tick", "acme/tick", &1).publish().unwrap();
//! assert_eq!(testing::published()[0].topic, "acme/tick");
//! ```

use crate::PublishError;
use crate::net::NetError;
use crate::wit::host::gateway::Session;
use crate::wit::host::net::{HttpRequest, HttpResponse};
use crate::wit::host::types::{CallError, Event, Identity, Published};
use std::cell::RefCell;
use std::collections::BTreeMap;

pub(crate) mod fake;

/// What the plugin did that no other function here tells, in order: `timers.every 1000 tick`,
/// `websocket.send 1 [Text("hello")]`.
pub fn calls() -> Vec<String> {
    HOST.with_borrow_mut(|host| std::mem::take(&mut host.calls))
}

/// The id that the last such call got: of a timer, a socket, or a request whose answer the test then gives as an input.
#[must_use]
pub fn last_id() -> u64 {
    HOST.with_borrow(|host| fake::id(host.last_id))
}

/// What was published since the last time this was asked.
pub fn published() -> Vec<Event> {
    HOST.with_borrow_mut(|host| std::mem::take(&mut host.published))
}

/// What was logged since the last time this was asked: `INFO connected`.
pub fn logged() -> Vec<String> {
    HOST.with_borrow_mut(|host| std::mem::take(&mut host.logged))
}

/// What publishing answers from now on, given the events of the call; before, all are taken.
pub fn on_publish(answer: impl FnMut(&[Event]) -> Result<(), PublishError> + 'static) {
    HOST.with_borrow_mut(|host| host.publish = Some(Box::new(answer)));
}

/// What `system::snapshot` answers from now on.
pub fn on_system(answer: impl FnMut() -> Result<String, String> + 'static) {
    HOST.with_borrow_mut(|host| host.system = Some(Box::new(answer)));
}

/// What an HTTP request that the plugin waits for gets from now on.
pub fn on_fetch(answer: impl FnMut(&HttpRequest) -> Result<HttpResponse, NetError> + 'static) {
    HOST.with_borrow_mut(|host| host.fetch = Some(Box::new(answer)));
}

/// What `calls::call` answers from now on, given the type, the data and the caller; before, no type has a handler.
pub fn on_call(
    answer: impl FnMut(&str, &str, Option<&Identity>) -> Result<String, CallError> + 'static,
) {
    HOST.with_borrow_mut(|host| host.call = Some(Box::new(answer)));
}

/// What is retained from now on, in the order of the topics; every filter fits all of it.
pub fn retain(mut events: Vec<Published>) {
    events.sort_by(|a, b| a.event.topic.cmp(&b.event.topic));
    HOST.with_borrow_mut(|host| host.retained = events);
}

/// The topics that `retained::read` was asked for since the last time this was asked; any text, as the plugin gave it.
pub fn retained_asked() -> Vec<String> {
    HOST.with_borrow_mut(|host| std::mem::take(&mut host.retained_asked))
}

/// What `gateway::stats` and `gateway::clients` tell from now on, as JSON text.
pub fn on_gateway(stats: impl Into<String>, clients: impl Into<String>) {
    HOST.with_borrow_mut(|host| {
        host.stats = Some(stats.into());
        host.clients = Some(clients.into());
    });
}

/// What a login gives from now on; `None`, as before: every credential is wrong.
pub fn on_login(session: Option<Session>) {
    HOST.with_borrow_mut(|host| host.session = session);
}

/// Refuses whatever is asked of the network from now on, or takes it again with `None`.
pub fn refuse_network(error: Option<NetError>) {
    HOST.with_borrow_mut(|host| host.net_error = error);
}

/// A start for a plugin's `init`, as an upgrade gives it: with the state of the instance before, and its timers.
#[must_use]
pub fn start(
    reason: &str,
    state: Option<crate::State>,
    connections: Vec<(u64, String)>,
    timers: Vec<(u64, String)>,
) -> crate::Start {
    crate::logging::install();
    crate::set_instance_name("test");
    crate::Start::from_wit(
        crate::wit::lifecycle::exports::hearthgate::plugin::lifecycle::Start {
            instance: "test".to_owned(),
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            config: "{}".to_owned(),
            reason: reason.to_owned(),
            attempt: 0,
            state: state.map(crate::start::state_to_wit),
            connections,
            timers,
        },
    )
    .0
}

type PublishFn = Box<dyn FnMut(&[Event]) -> Result<(), PublishError>>;
type SystemFn = Box<dyn FnMut() -> Result<String, String>>;
type CallFn = Box<dyn FnMut(&str, &str, Option<&Identity>) -> Result<String, CallError>>;
type FetchFn = Box<dyn FnMut(&HttpRequest) -> Result<HttpResponse, NetError>>;

#[derive(Default)]
struct Host {
    calls: Vec<String>,
    published: Vec<Event>,
    logged: Vec<String>,
    store: BTreeMap<String, Vec<u8>>,
    last_id: u64,
    publish: Option<PublishFn>,
    system: Option<SystemFn>,
    fetch: Option<FetchFn>,
    call: Option<CallFn>,
    retained: Vec<Published>,
    retained_asked: Vec<String>,
    stats: Option<String>,
    clients: Option<String>,
    session: Option<Session>,
    net_error: Option<NetError>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}
