//! What an ACME server knows: accounts, nonces, orders and how they stand.

use super::jose::{Jwk, Signed};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

const PREFIX: &str = "urn:ietf:params:acme:error:";
/// How long certificates hold, as Let's Encrypt's.
const LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What the server knows.
pub(super) struct State {
    pub(super) base: String,
    pub(super) next: u64,
    pub(super) nonces: HashSet<String>,
    pub(super) accounts: HashMap<String, Jwk>,
    pub(super) contacts: Vec<Value>,
    pub(super) orders: Vec<Order>,
    pub(super) lifetime: Duration,
    pub(super) refusal: Option<(u16, &'static str, String, Option<u64>)>,
}

/// An order, with the state of each name.
pub(super) struct Order {
    pub(super) account: String,
    pub(super) names: Vec<(String, String, Standing)>,
    pub(super) chain: Option<String>,
}

/// How a name stands.
#[derive(Clone)]
pub(super) enum Standing {
    Pending,
    Valid,
    Invalid(String),
}

/// An answer, or a problem: status, type, detail.
pub(super) type Answer = Result<Response<Full<Bytes>>, (u16, &'static str, String)>;

impl Default for State {
    fn default() -> Self {
        Self {
            base: String::new(),
            next: 0,
            nonces: HashSet::new(),
            accounts: HashMap::new(),
            contacts: Vec::new(),
            orders: Vec::new(),
            lifetime: LIFETIME,
            refusal: None,
        }
    }
}

impl State {
    pub(super) fn number(&mut self, what: &str) -> String {
        self.next += 1;
        format!("{what}{}", self.next)
    }

    /// RFC 8555, sections 6.2 to 6.5: the signature, the address and the nonce.
    pub(super) fn check(
        &mut self,
        signed: &Signed,
        url: &str,
    ) -> Result<String, (u16, &'static str, String)> {
        let account = signed.account().unwrap_or_default().to_owned();
        let key = match (&signed.key, self.accounts.get(&account)) {
            (Some(key), _) => key,
            (None, Some(key)) => key,
            (None, None) => return Err((400, "accountDoesNotExist", "who are you?".to_owned())),
        };
        signed.verify(key)?;
        if signed.header["url"] != url {
            return Err((401, "unauthorized", "signed for another address".to_owned()));
        }
        let nonce = signed.header["nonce"].as_str().unwrap_or_default();
        match self.nonces.remove(nonce) {
            true => Ok(account),
            false => Err((400, "badNonce", "used or never given".to_owned())),
        }
    }

    pub(super) fn register(&mut self, signed: Signed) -> Answer {
        if signed.payload["termsOfServiceAgreed"] != true {
            return Err((403, "userActionRequired", "agree first".to_owned()));
        }
        self.next += 1;
        let url = format!("{}/account/{}", self.base, self.next);
        self.contacts.push(signed.payload["contact"].clone());
        let key = signed.key.ok_or((400, "malformed", "no key".to_owned()))?;
        self.accounts.insert(url.clone(), key);
        Ok(located(document(201, &json!({ "status": "valid" })), &url))
    }

    pub(super) fn change(&mut self, signed: &Signed) -> Answer {
        self.contacts.push(signed.payload["contact"].clone());
        Ok(document(200, &json!({ "status": "valid" })))
    }

    pub(super) fn accept(&mut self, signed: &Signed, account: String) -> Answer {
        if let Some((status, kind, detail, after)) = self.refusal.take() {
            let mut response = problem(status, kind, &detail);
            if let Some(seconds) = after {
                response.headers_mut().insert("retry-after", seconds.into());
            }
            return Ok(response);
        }
        let wanted = signed.payload["identifiers"].as_array().cloned();
        let mut names = Vec::new();
        for wanted in wanted.unwrap_or_default() {
            let name = wanted["value"].as_str().unwrap_or_default().to_owned();
            names.push((name, self.number("token"), Standing::Pending));
        }
        self.orders.push(Order {
            account,
            names,
            chain: None,
        });
        let number = self.orders.len() - 1;
        let url = format!("{}/order/{number}", self.base);
        let mut response = located(self.order(number)?, &url);
        *response.status_mut() = hyper::StatusCode::CREATED;
        Ok(response)
    }

    pub(super) fn status(&self, order: usize) -> &'static str {
        let order = &self.orders[order];
        let mut standing = order.names.iter().map(|name| &name.2);
        let invalid = standing.clone().any(|s| matches!(s, Standing::Invalid(_)));
        match standing.all(|s| matches!(s, Standing::Valid)) {
            _ if order.chain.is_some() => "valid",
            true => "ready",
            false if invalid => "invalid",
            false => "pending",
        }
    }

    pub(super) fn order(&self, number: usize) -> Answer {
        let base = &self.base;
        let order = &self.orders[number];
        assert!(
            self.accounts.contains_key(&order.account),
            "an order without an account"
        );
        let names = 0..order.names.len();
        let authorizations: Vec<_> = names
            .map(|name| format!("{base}/authorization/{number}/{name}"))
            .collect();
        let mut body = json!({
            "status": self.status(number),
            "authorizations": authorizations,
            "finalize": format!("{base}/finalize/{number}"),
        });
        if order.chain.is_some() {
            body["certificate"] = format!("{base}/certificate/{number}").into();
        }
        Ok(document(200, &body))
    }

    pub(super) fn named(&self, order: usize, name: usize) -> Answer {
        let (host, token, standing) = &self.orders[order].names[name];
        let (status, error) = match standing {
            Standing::Pending => ("pending", Value::Null),
            Standing::Valid => ("valid", Value::Null),
            Standing::Invalid(why) => {
                let kind = format!("{PREFIX}unauthorized");
                (
                    "invalid",
                    json!({ "type": kind, "detail": why, "status": 403 }),
                )
            }
        };
        let challenge = |kind: &str| {
            let url = format!("{}/challenge/{order}/{name}/{kind}", self.base);
            json!({ "type": kind, "url": url, "token": token, "status": status, "error": error })
        };
        let challenges = ["dns-01", "http-01", "tls-alpn-01"].map(challenge);
        Ok(document(
            200,
            &json!({
                "status": status,
                "identifier": { "type": "dns", "value": host },
                "challenges": challenges,
            }),
        ))
    }

    pub(super) fn certificate(&self, order: usize) -> Answer {
        let chain = self.orders[order].chain.clone();
        let chain = chain.ok_or((404, "malformed", "not issued".to_owned()))?;
        Ok(Response::new(Full::new(chain.into())))
    }
}

pub(super) fn document(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status);
    let response = response.header("content-type", "application/json");
    let body = Full::new(body.to_string().into());
    response.body(body).expect("a response")
}

pub(super) fn problem(status: u16, kind: &str, detail: &str) -> Response<Full<Bytes>> {
    let kind = format!("{PREFIX}{kind}");
    document(
        status,
        &json!({ "type": kind, "detail": detail, "status": status }),
    )
}

fn located(mut response: Response<Full<Bytes>>, url: &str) -> Response<Full<Bytes>> {
    let url = url.parse().expect("a header's value");
    response.headers_mut().insert("location", url);
    response
}
