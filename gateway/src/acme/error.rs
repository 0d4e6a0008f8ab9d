//! Why there is no certificate, and what its operator can do.

use instant_acme::Problem;

/// What comes before the name of each of the protocol's errors (RFC 8555, section 6.7).
const PREFIX: &str = "urn:ietf:params:acme:error:";

/// Why an order came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AcmeError {
    /// The server can't be asked.
    #[error("the ACME server can't be asked: {0}")]
    Unreachable(String),
    /// It said no.
    #[error("the ACME server refuses {step}: {detail} ({kind})")]
    Refused {
        /// What it was asked for.
        step: &'static str,
        /// The type of its problem document.
        kind: String,
        /// Its explanation.
        detail: String,
    },
    /// It asked for a proof and did not find it.
    #[error("the ACME server could not see that {name} leads here: {detail} ({kind})")]
    Unproven {
        /// The name.
        name: String,
        /// The type of its problem document.
        kind: String,
        /// Its explanation.
        detail: String,
    },
    /// It does not know the challenge.
    #[error("the ACME server offers no {wanted} for {name}; it offers {offered}")]
    NoChallenge {
        /// The name.
        name: String,
        /// The challenge of the configuration.
        wanted: &'static str,
        /// What it offers.
        offered: String,
    },
    /// What it said makes no sense.
    #[error("the ACME server's answer can't be used: {0}")]
    Answer(String),
    /// Something on this machine.
    #[error("{0}")]
    Here(String),
}

impl AcmeError {
    /// A problem document, as the answer to a step.
    pub(super) fn refused(step: &'static str, problem: &Problem) -> Self {
        let (kind, detail) = said(problem);
        Self::Refused { step, kind, detail }
    }

    /// A problem document about a name.
    pub(super) fn unproven(name: String, problem: &Problem) -> Self {
        let (kind, detail) = said(problem);
        Self::Unproven { name, kind, detail }
    }

    /// The protocol's name of the error, `rateLimited` for one.
    pub(super) fn kind(&self) -> &str {
        match self {
            Self::Refused { kind, .. } | Self::Unproven { kind, .. } => {
                kind.strip_prefix(PREFIX).unwrap_or(kind)
            }
            _ => "",
        }
    }

    /// For the metric.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Refused { .. } if self.kind() == "rateLimited" => "rate_limited",
            Self::Refused { .. } | Self::NoChallenge { .. } => "refused",
            Self::Unproven { .. } => "unproven",
            Self::Answer(_) | Self::Here(_) => "failed",
        }
    }

    /// What its operator can do.
    pub(super) fn advice(&self) -> &'static str {
        match (self, self.kind()) {
            (Self::Unreachable(_), _) => {
                "check acme.directory, the network and, for a private server, acme.ca"
            }
            (_, "rateLimited") => {
                "nothing is to be done but to wait; to try things out use the server's staging directory"
            }
            (_, "dns") => {
                "the name must have an address in the public DNS that leads to this machine"
            }
            (_, "connection" | "timeout") => {
                "the server must reach this machine: port 80 for http-01, port 443 for tls-alpn-01, forwarded to the listener"
            }
            (_, "unauthorized" | "incorrectResponse" | "tls") => {
                "something else answers under this name: check where it leads, the forwarding of the port, and proxies in front (tls-alpn-01 needs TLS to end here)"
            }
            (_, "caa") => "a CAA record of the domain forbids this authority",
            (_, "rejectedIdentifier") => {
                "this authority issues no certificate for such a name: a public one needs a public name"
            }
            (_, "userActionRequired") => "read what the server says and agree to it there",
            (_, "externalAccountRequired") => {
                "this server wants accounts that it knows already, which is not supported; use another"
            }
            (_, "invalidContact" | "unsupportedContact") => "check acme.contact",
            (Self::NoChallenge { .. }, _) => "choose another challenge for the listener's tls",
            _ => "it is tried again",
        }
    }
}

fn said(problem: &Problem) -> (String, String) {
    let kind = problem.r#type.clone();
    let mut detail = problem.detail.clone().unwrap_or_default();
    for part in &problem.subproblems {
        detail.push_str(&format!("; {part}"));
    }
    (
        tame(&kind.unwrap_or_else(|| "about:blank".to_owned())),
        tame(&detail),
    )
}

/// What a server wrote, for a line of the log.
fn tame(text: &str) -> String {
    let text = text.chars().take(500);
    text.map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> Problem {
        serde_json::from_str(text).expect("a problem document")
    }

    #[test]
    fn a_problem_document_is_told_with_type_and_detail() {
        let limited = AcmeError::refused(
            "the order",
            &problem(
                r#"{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many\ncertificates", "status": 429}"#,
            ),
        );
        assert_eq!(
            limited.to_string(),
            "the ACME server refuses the order: too many certificates (urn:ietf:params:acme:error:rateLimited)"
        );
        assert_eq!(limited.outcome(), "rate_limited");
        assert!(limited.advice().contains("staging"));
        let unproven = AcmeError::unproven(
            "a.example".into(),
            &problem(r#"{"type": "urn:ietf:params:acme:error:connection", "detail": "refused"}"#),
        );
        assert_eq!(unproven.outcome(), "unproven");
        assert!(unproven.advice().contains("port 80"));
        let bare = AcmeError::refused("the order", &problem("{}"));
        assert_eq!((bare.kind(), bare.outcome()), ("about:blank", "refused"));
    }
}
