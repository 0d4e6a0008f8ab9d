//! Requests of clients, and their answers.

use crate::{Answer, HttpAnswer, HttpReply, PublishError, Rejection, Request};
use serde::{Serialize, de::DeserializeOwned};

impl Request {
    /// The message's data, in the author's type.
    ///
    /// # Errors
    /// A rejection that names the field that does not fit.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, Rejection> {
        let mut reader = serde_json::Deserializer::from_str(&self.data);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let message = error.into_inner().to_string();
            let message = message.split(" at line ").next().unwrap_or(&message);
            match path.as_str() {
                "." => Rejection::BadRequest(message.to_owned()),
                path => Rejection::BadRequest(format!("{path}: {message}")),
            }
        })
    }
}

impl Answer {
    /// An answer of JSON.
    ///
    /// # Errors
    /// The value can't be JSON.
    pub fn json(value: &impl Serialize) -> Result<Self, Rejection> {
        let text = serde_json::to_string(value);
        text.map(Self::Reply)
            .map_err(|error| Rejection::Unavailable(error.to_string()))
    }
}

/// What could not be published is not the client's fault: it may try again.
impl From<PublishError> for Rejection {
    fn from(error: PublishError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl HttpReply {
    /// A text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", text.into())
    }

    /// JSON. A value that can't be JSON becomes a 500.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::new(status, "application/json", body),
            Err(error) => Self::text(500, error.to_string()),
        }
    }

    /// Any body with its type.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self {
            status,
            headers,
            body: body.into(),
        }
    }
}

impl From<HttpReply> for HttpAnswer {
    fn from(reply: HttpReply) -> Self {
        Self::Reply(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_does_not_fit_is_rejected_by_its_field() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Data {
            title: String,
        }
        let data = |json: &str| {
            let request = Request {
                id: 1,
                kind: "announce".to_owned(),
                data: json.to_owned(),
            };
            request.data::<Data>()
        };
        assert_eq!(
            data(r#"{"title": "x"}"#),
            Ok(Data {
                title: "x".to_owned()
            })
        );
        let rejected = |message: &str| Err(Rejection::BadRequest(message.to_owned()));
        assert_eq!(data("{}"), rejected("missing field `title`"));
        assert_eq!(
            data(r#"{"title": 1}"#),
            rejected("title: invalid type: integer `1`, expected a string")
        );
    }
}
