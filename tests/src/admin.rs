//! The admin API, over plain HTTP.

use crate::wait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// Asks an HTTP server, on a new connection each time.
#[derive(Debug, Clone, Copy)]
pub struct Admin {
    address: SocketAddr,
    token: Option<&'static str>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: hyper::HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Admin {
    /// The server at this address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            token: None,
        }
    }

    /// The same server, asked with a token.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        let token = Some(&*Box::leak(token.to_owned().into_boxed_str()));
        Self { token, ..self }
    }

    /// Asks for a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    /// The JSON of a path.
    ///
    /// # Panics
    /// The answer is not 200.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, Some(body.to_string())).await
    }

    /// Publishes an event, and returns its number.
    ///
    /// # Panics
    /// It is refused.
    pub async fn publish(&self, event: Value) -> u64 {
        let answer = self.post("/api/v1/events", &event).await;
        assert_eq!(answer.status, 200, "{event}: {}", answer.text());
        answer.json()["seq"]
            .as_u64()
            .unwrap_or_else(|| panic!("no seq: {}", answer.text()))
    }

    /// Publishes a `test.…` event of a kind that has no schema.
    pub async fn emit(&self, topic: &str, data: Value) -> u64 {
        self.publish(json!({"kind": "test.event", "topic": topic, "data": data}))
            .await
    }

    /// The value of a metric: the sum over the series whose labels contain all of these texts.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.get("/metrics").await.text();
        let series = text
            .lines()
            .filter(|line| line.split(['{', ' ']).next() == Some(name));
        let wanted = series.filter(|line| labels.iter().all(|label| line.contains(label)));
        wanted
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Any request.
    ///
    /// # Panics
    /// There is no answer.
    pub async fn ask(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        self.ask_with(method, path, &[], body).await
    }

    /// Any request, with these headers besides the usual ones.
    ///
    /// # Panics
    /// There is no answer.
    pub async fn ask_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        let work = async {
            let stream = TcpStream::connect(self.address)
                .await
                .expect("the server listens");
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
                .await
                .expect("a new connection speaks HTTP");
            let driver = tokio::spawn(connection);
            let builder = Request::builder()
                .method(method)
                .uri(path)
                .header("host", self.address.to_string());
            let builder = headers.iter().fold(builder, |builder, (name, value)| {
                builder.header(*name, *value)
            });
            let builder = match self.token {
                Some(token) => builder.header("authorization", format!("Bearer {token}")),
                None => builder,
            };
            let body = Full::new(Bytes::from(body.unwrap_or_default()));
            let request = builder
                .header("content-type", "application/json")
                .body(body)
                .expect("a valid request");
            let response = sender
                .send_request(request)
                .await
                .expect("the server answers");
            let (head, body) = response.into_parts();
            let body = body
                .collect()
                .await
                .expect("the whole body comes")
                .to_bytes();
            driver.abort();
            Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                body,
            }
        };
        wait::soon(path, work).await
    }
}
