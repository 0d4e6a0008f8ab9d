//! Who may connect to a path, and from which web pages.

use super::listener::Route;
use super::section::Section;
use std::time::Duration;
use url::Url;

/// Who may connect to a path. A route's own keys stand above its listener's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What becomes of those without a credential, and of those with a bad one.
    pub authentication: Authentication,
    /// Web pages that may connect and ask, besides the gateway's own.
    pub origins: Vec<Origin>,
}

/// How clients of a path show who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authentication {
    /// Whether they must.
    pub requirement: Requirement,
    /// What a refused handshake or request is answered with: 401 or 403.
    pub reject_status: u16,
    /// Whether `?token=` may carry the credential.
    pub query_token: bool,
}

/// What becomes of those without a credential, and of those with a bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// None: anonymous; a bad one: refused.
    Optional,
    /// Both are refused.
    Required,
    /// Both are anonymous, and the dialect or the route sees which.
    Lenient,
}

/// A web page's origin that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `*`
    Any,
    /// `https://dash.example`, `http://localhost:8080`, as browsers write it: no default port, lower case.
    Exact(String),
    /// `https://*.example`: the parts before and after the star; it stands for one or more names.
    Below(String, String),
}

/// What browsers' pages of the allowed origins may ask of plugins' routes (the Fetch standard's CORS protocol).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Methods that a preflight allows.
    pub methods: Vec<String>,
    /// Headers of requests that a preflight allows, in lower case.
    pub headers: Vec<String>,
    /// Headers of answers that pages may read.
    pub expose: Vec<String>,
    /// Whether browsers may send cookies along.
    pub credentials: bool,
    /// How long a browser may keep the answer to a preflight.
    pub max_age: Duration,
}

impl Policy {
    /// Reads a listener's.
    pub(super) fn read(section: &Section<'_>) -> Self {
        Self {
            authentication: Authentication {
                requirement: requirement(section),
                reject_status: reject_status(section),
                query_token: section.flag("query-token"),
            },
            origins: section.texts("origins", Origin::parse),
        }
    }

    /// This one, but for what a route says.
    pub(super) fn over(&self, route: &Section<'_>) -> Self {
        let mut policy = self.clone();
        let authentication = &mut policy.authentication;
        if route.has("authentication") {
            authentication.requirement = requirement(route);
        }
        if route.has("reject-status") {
            authentication.reject_status = reject_status(route);
        }
        if route.has("query-token") {
            authentication.query_token = route.flag("query-token");
        }
        if route.has("origins") {
            policy.origins = route.texts("origins", Origin::parse);
        }
        policy
    }
}

impl Default for Authentication {
    fn default() -> Self {
        Self {
            requirement: Requirement::Optional,
            reject_status: 401,
            query_token: false,
        }
    }
}

fn requirement(section: &Section<'_>) -> Requirement {
    match section.text("authentication").as_deref() {
        Some("required") => Requirement::Required,
        Some("lenient") => Requirement::Lenient,
        _ => Requirement::Optional,
    }
}

fn reject_status(section: &Section<'_>) -> u16 {
    match section.number("reject-status") {
        status @ (401 | 403) => status,
        0 => 401,
        _ => {
            section.problem("reject-status", "must be 401 or 403");
            401
        }
    }
}

impl Origin {
    /// Reads one.
    ///
    /// # Errors
    /// How it is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let wrong = || {
            format!(
                "{text:?} is no origin; write it as \"https://dash.example\", \"http://localhost:8080\", \"https://*.example\" or \"*\""
            )
        };
        let (plain, star) = match text.split_once("://*.") {
            Some((scheme, rest)) => (format!("{scheme}://{rest}"), true),
            None => (text.to_owned(), false),
        };
        let url = Url::parse(&plain).map_err(|_| wrong())?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        // Apps' pages have schemes of their own: capacitor://localhost, app://obsidian.md.
        if !url.has_host() && url.host_str().is_none() || plain.contains('*') || !nobody {
            return Err(wrong());
        }
        if !bare && !url.path().is_empty() || plain.ends_with('/') {
            return Err(wrong());
        }
        let port = url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let host = url.host_str().unwrap_or_default();
        Ok(match star {
            true => Self::Below(format!("{}://", url.scheme()), format!(".{host}{port}")),
            false => Self::Exact(format!("{}://{host}{port}", url.scheme())),
        })
    }

    /// Whether it is that of a page, as its browser wrote it.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(known) => known.eq_ignore_ascii_case(origin),
            Self::Below(before, after) => {
                let origin = origin.to_ascii_lowercase();
                let name = origin.strip_prefix(before.as_str());
                let name = name.and_then(|name| name.strip_suffix(after.as_str()));
                name.is_some_and(|name| !name.is_empty() && !name.contains(['/', ':', '@']))
            }
        }
    }
}

impl Cors {
    /// Reads `[listener.cors]`.
    pub(super) fn read(section: &Section<'_>, policy: &Policy, routes: &[Route]) -> Self {
        let token = |text: &str| match hyper::header::HeaderName::try_from(text) {
            Ok(name) => Ok(name.as_str().to_owned()),
            Err(_) => Err(format!("{text:?} is no header")),
        };
        let method = |text: &str| match hyper::Method::try_from(text) {
            Ok(method) if method.as_str() == text.to_ascii_uppercase() => Ok(text.to_owned()),
            _ => Err(format!("{text:?} is no method; write it as \"GET\"")),
        };
        let credentials = section.flag("credentials");
        let policies = routes.iter().map(|r| &r.policy).chain([policy]);
        if credentials
            && policies
                .into_iter()
                .any(|p| p.origins.contains(&Origin::Any))
        {
            section.problem("credentials", "browsers' cookies and any origin (\"*\") together would let every page act for its visitor; name the origins");
        }
        Self {
            methods: section.texts("methods", method),
            headers: section.texts("headers", token),
            expose: section.texts("expose", token),
            credentials,
            max_age: section.span("max-age"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_those_that_browsers_write() {
        let check = |allowed: &str, origin: &str, expected: bool| {
            let allowed = Origin::parse(allowed).expect("an origin");
            assert_eq!(allowed.allows(origin), expected, "{allowed:?} {origin}");
        };
        check("https://dash.example", "https://dash.example", true);
        check("https://dash.example", "http://dash.example", false);
        check("https://dash.example", "https://dash.example:8443", false);
        check("https://dash.example:443", "https://dash.example", true);
        check("https://DASH.example", "https://dash.example", true);
        check(
            "https://dash.example",
            "https://dash.example.evil.example",
            false,
        );
        check("http://localhost:8080", "http://localhost:8080", true);
        check("http://localhost:8080", "http://localhost:80801", false);
        check("https://*.example", "https://a.example", true);
        check("https://*.example", "https://a.b.example", true);
        check("https://*.example", "https://example", false);
        check("https://*.example", "https://.example", false);
        check("https://*.example", "https://evil.test/.example", false);
        check("https://*.example", "https://evil.test:1.example", false);
        check("https://*.example:8443", "https://a.example:8443", true);
        check("capacitor://localhost", "capacitor://localhost", true);
        check("https://dash.example", "null", false);
        check("*", "null", true);
        check("http://[::1]:3001", "http://[::1]:3001", true);
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "dash.example",
            "https://",
            "https://a.example/",
            "https://a.example/x",
            "https://a.example?x",
            "https://a.*.example",
            "https://*",
            "**",
            "null",
            "https://user@a.example",
            "//a.example",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }
}
