//! The admin listener's endpoints: one table, from which requests are dispatched and the OpenAPI document is made.

/// What an endpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The process answers.
    Live,
    /// The gateway can take clients.
    Ready,
    /// Prometheus text.
    Metrics,
    /// Counts.
    Stats,
    /// The open connections.
    Connections,
    /// The instances.
    Plugins,
    /// Replace an instance by what is in the folder.
    ReloadPlugin,
    /// How the last reload of the configuration went.
    Config,
    /// Read the configuration anew.
    ReloadConfig,
    /// Publish an event.
    Publish,
    /// What was revoked.
    Revocations,
    /// Revoke a token, or all of a subject.
    Revoke,
    /// Take a revocation back.
    Restore,
    /// This API's description.
    OpenApi,
}

/// An endpoint.
#[derive(Debug)]
pub struct Endpoint {
    /// The method.
    pub method: &'static str,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// What it does.
    pub operation: Operation,
    /// What it does, for people.
    pub summary: &'static str,
    /// The statuses that it answers with besides 403 (not from here), and what each means.
    pub answers: &'static [(u16, &'static str)],
}

const fn get(
    path: &'static str,
    operation: Operation,
    summary: &'static str,
    answers: &'static [(u16, &'static str)],
) -> Endpoint {
    Endpoint {
        method: "GET",
        path,
        operation,
        summary,
        answers,
    }
}

const fn post(
    path: &'static str,
    operation: Operation,
    summary: &'static str,
    answers: &'static [(u16, &'static str)],
) -> Endpoint {
    Endpoint {
        method: "POST",
        path,
        operation,
        summary,
        answers,
    }
}

/// All of them.
pub const ENDPOINTS: &[Endpoint] = &[
    get(
        "/livez",
        Operation::Live,
        "Whether the process answers: restart it if this fails.",
        &[(200, "It does.")],
    ),
    get(
        "/readyz",
        Operation::Ready,
        "Whether clients should be sent here: every plugin has been started (or is parked, or failed on its own account), and the gateway is not stopping.",
        &[
            (200, "They should."),
            (503, "They should not; `reasons` says why."),
        ],
    ),
    get(
        "/metrics",
        Operation::Metrics,
        "Metrics in Prometheus' text format.",
        &[(200, "The metrics.")],
    ),
    get(
        "/api/v1/stats",
        Operation::Stats,
        "Counts of connections, subscriptions and events; version and uptime.",
        &[(200, "The counts.")],
    ),
    get(
        "/api/v1/connections",
        Operation::Connections,
        "The open connections, a page at a time.",
        &[
            (200, "A page."),
            (400, "offset or limit is not a number in range."),
        ],
    ),
    get(
        "/api/v1/plugins",
        Operation::Plugins,
        "Every instance: state, version, hash, grants, limits, last error, how its last reload went.",
        &[(200, "The instances.")],
    ),
    post(
        "/api/v1/plugins/{instance}/reload",
        Operation::ReloadPlugin,
        "Read the instance's plugin file anew and replace the running version; clients stay connected.",
        &[
            (200, "It was replaced; what was kept is in the answer."),
            (404, "There is no such instance."),
            (
                409,
                "It was not replaced and runs as before; the answer says why.",
            ),
        ],
    ),
    get(
        "/api/v1/config",
        Operation::Config,
        "How the last reload of the configuration went.",
        &[(200, "The last reload's report; `never` if there was none.")],
    ),
    post(
        "/api/v1/config/reload",
        Operation::ReloadConfig,
        "Read the configuration file anew and apply it; clients stay connected. An invalid file changes nothing.",
        &[
            (
                200,
                "It was applied; what changed, and what needs a restart, is in the answer.",
            ),
            (
                409,
                "It was refused and nothing has changed; the problems are in the answer.",
            ),
            (503, "The gateway is stopping."),
        ],
    ),
    post(
        "/api/v1/events",
        Operation::Publish,
        "Publish an event. Its source is `admin-api`.",
        &[
            (200, "It was accepted; `seq` is its number in the stream."),
            (400, "The event is not valid; the message names the field."),
            (403, "The kind or the topic is the gateway's own."),
            (413, "It is too large."),
            (
                503,
                "The gateway is busy or stopping; try again after Retry-After.",
            ),
        ],
    ),
    get(
        "/api/v1/auth/revocations",
        Operation::Revocations,
        "Tokens and subjects that were revoked, the newest first.",
        &[(200, "All of them.")],
    ),
    post(
        "/api/v1/auth/revocations",
        Operation::Revoke,
        "Revoke a token by its id, or the tokens of a subject; connections that it concerns are closed with 4501.",
        &[
            (200, "It holds, and is kept."),
            (400, "The body is no revocation."),
            (409, "There are as many as there may be."),
            (500, "It holds, but could not be written down."),
        ],
    ),
    Endpoint {
        method: "DELETE",
        path: "/api/v1/auth/revocations",
        operation: Operation::Restore,
        summary: "Take a revocation back, ?jti=ID or ?subject=SUBJECT.",
        answers: &[
            (200, "It is gone."),
            (400, "Neither jti nor subject is given, or both are."),
            (404, "There is none."),
            (500, "It is gone, but that could not be written down."),
        ],
    },
    get(
        "/api/v1/openapi.json",
        Operation::OpenApi,
        "This description.",
        &[(200, "An OpenAPI 3.1 document.")],
    ),
];
