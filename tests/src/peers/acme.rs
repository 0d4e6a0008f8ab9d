//! An ACME server (RFC 8555) that a test plays: it checks each signature and nonce, looks for the proofs for real, and
//! signs what it is asked for.

mod jose;
mod proof;
mod state;

use super::HttpPeer;
use super::http::Asked;
use crate::secure::Authority;
use crate::wait;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use jose::Signed;
use parking_lot::Mutex;
use proof::Proof;
use serde_json::{Value, json};
use state::{Answer, Standing, State, document, problem};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The server. Dropping it takes it away.
pub struct AcmePeer {
    server: HttpPeer,
    shared: Arc<Shared>,
}

struct Shared {
    authority: Authority,
    state: Mutex<State>,
    /// Where names lead: HTTP-01, TLS-ALPN-01. The server waits until it is known.
    places: watch::Sender<Option<(SocketAddr, SocketAddr)>>,
}

impl AcmePeer {
    /// Listens. Its certificates hold for 90 days until [`AcmePeer::issue_for`] says otherwise.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            authority: Authority::new(),
            state: Mutex::new(State::default()),
            places: watch::Sender::new(None),
        });
        let answering = shared.clone();
        let server = HttpPeer::start(move |asked| answering.answer(asked)).await;
        shared.state.lock().base = server.url("");
        Self { server, shared }
    }

    /// The address of its directory.
    #[must_use]
    pub fn directory(&self) -> String {
        self.server.url("/directory")
    }

    /// Who signs its certificates.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.shared.authority
    }

    /// Every name leads there from now on: to port 80 and port 443 of the world outside.
    pub fn lead(&self, http: SocketAddr, tls: SocketAddr) {
        self.shared.places.send_replace(Some((http, tls)));
    }

    /// Names lead nowhere for now: proofs are looked for when they do again.
    pub fn lead_nowhere(&self) {
        self.shared.places.send_replace(None);
    }

    /// How long its certificates hold.
    pub fn issue_for(&self, lifetime: Duration) {
        self.shared.state.lock().lifetime = lifetime;
    }

    /// Refuses the next order: status, type, detail and `Retry-After` in seconds.
    pub fn refuse(&self, status: u16, kind: &'static str, detail: &str, retry_after: Option<u64>) {
        let refusal = (status, kind, detail.to_owned(), retry_after);
        self.shared.state.lock().refusal = Some(refusal);
    }

    /// Knows no account any more, as after the loss of its database.
    pub fn forget_accounts(&self) {
        self.shared.state.lock().accounts.clear();
    }

    /// How many orders were accepted.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.shared.state.lock().orders.len()
    }

    /// The contacts of each account that was made, and of each change.
    #[must_use]
    pub fn contacts(&self) -> Vec<Value> {
        self.shared.state.lock().contacts.clone()
    }

    /// Waits until so many certificates were fetched.
    pub async fn issued(&self, count: usize) {
        let done = || {
            let state = self.shared.state.lock();
            let issued = state.orders.iter().filter(|order| order.chain.is_some());
            let enough = issued.count() >= count;
            async move { enough.then_some(()) }
        };
        wait::until("a certificate is issued", done).await;
    }
}

impl Shared {
    fn answer(self: &Arc<Self>, asked: &Asked) -> Response<Full<Bytes>> {
        let mut response = match self.route(asked) {
            Ok(response) => response,
            Err((status, kind, detail)) => problem(status, kind, &detail),
        };
        let mut state = self.state.lock();
        let nonce = state.number("nonce");
        state.nonces.insert(nonce.clone());
        let nonce = nonce.parse().expect("a header's value");
        response.headers_mut().insert("replay-nonce", nonce);
        response
    }

    fn route(self: &Arc<Self>, asked: &Asked) -> Answer {
        let base = self.state.lock().base.clone();
        let parts: Vec<_> = asked.path.split('/').skip(1).collect();
        if parts == ["directory"] {
            let url = |name| format!("{base}/{name}");
            return Ok(document(
                200,
                &json!({ "newNonce": url("nonce"), "newAccount": url("account"), "newOrder": url("order") }),
            ));
        }
        if parts == ["nonce"] {
            return Ok(document(200, &Value::Null));
        }
        let signed = Signed::parse(&asked.body)?;
        let url = format!("{base}{}", asked.path);
        let account = self.state.lock().check(&signed, &url)?;
        let number = |at: usize| parts.get(at).and_then(|text| text.parse::<usize>().ok());
        match (parts[0], number(1), number(2)) {
            ("account", None, _) => self.state.lock().register(signed),
            ("account", Some(_), _) => self.state.lock().change(&signed),
            ("order", None, _) => self.state.lock().accept(&signed, account),
            ("order", Some(order), _) => self.state.lock().order(order),
            ("authorization", Some(order), Some(name)) => self.state.lock().named(order, name),
            ("challenge", Some(order), Some(name)) => {
                self.challenge(order, name, parts[3], &signed)
            }
            ("finalize", Some(order), _) => self.finalize(order, &signed),
            ("certificate", Some(order), _) => self.state.lock().certificate(order),
            _ => Err((404, "malformed", format!("there is no {}", asked.path))),
        }
    }

    /// Looks for the proof, aside, as a server does.
    fn challenge(
        self: &Arc<Self>,
        order: usize,
        name: usize,
        kind: &str,
        signed: &Signed,
    ) -> Answer {
        let (proof, url) = {
            let state = self.state.lock();
            let jwk = &state.accounts[signed.account().unwrap_or_default()];
            let (host, token, _) = &state.orders[order].names[name];
            let proof = Proof {
                name: host.clone(),
                token: token.clone(),
                authorization: format!("{token}.{}", jwk.thumbprint()),
            };
            (
                proof,
                format!("{}/challenge/{order}/{name}/{kind}", state.base),
            )
        };
        let answer =
            json!({ "type": kind, "url": url, "token": proof.token, "status": "processing" });
        let (shared, http) = (self.clone(), kind == "http-01");
        tokio::spawn(async move {
            let mut places = shared.places.subscribe();
            let Ok((port_80, port_443)) = places
                .wait_for(Option::is_some)
                .await
                .map(|p| p.expect("waited for"))
            else {
                return;
            };
            let seen = match http {
                true => proof.over_http(port_80).await,
                false => proof.over_tls(port_443).await,
            };
            shared.state.lock().orders[order].names[name].2 = match seen {
                Ok(()) => Standing::Valid,
                Err(why) => Standing::Invalid(why),
            };
        });
        Ok(document(200, &answer))
    }

    fn finalize(&self, order: usize, signed: &Signed) -> Answer {
        let mut state = self.state.lock();
        let names: Vec<_> = state.orders[order]
            .names
            .iter()
            .map(|n| n.0.clone())
            .collect();
        if state.status(order) != "ready" {
            return Err((403, "orderNotReady", "not yet".to_owned()));
        }
        let csr =
            jose::bytes(&signed.payload["csr"]).ok_or((400, "badCSR", "no csr".to_owned()))?;
        let chain = self.authority.sign_request(&csr, &names, state.lifetime);
        let chain = chain.map_err(|why| (400, "badCSR", why))?;
        state.orders[order].chain = Some(chain);
        state.order(order)
    }
}
