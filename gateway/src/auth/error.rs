//! Why a token is not taken.

/// Why a token is not taken. Every sentence may be told to its bearer: none has anything of the token in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Longer than `auth.max-token`.
    #[error("the token is too long")]
    TooLong,
    /// Neither a JSON Web Token nor an API token.
    #[error("the token can't be read")]
    Malformed,
    /// Its header can't be read, names no algorithm that is known (`none` is not), or asks for what we don't know (`crit`).
    #[error("the token's header is not one that is taken")]
    Header,
    /// The algorithm does not fit the key, or is not allowed.
    #[error("the token's algorithm is not taken")]
    Algorithm,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// It names a key that its issuer does not have.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The issuer's keys could not be fetched.
    #[error("the keys of the token's issuer can't be had now")]
    KeysUnavailable,
    /// `iss` is nobody's whose tokens are taken.
    #[error("the token's issuer is not known")]
    Issuer,
    /// `aud` is somebody else.
    #[error("the token is made out to another audience")]
    Audience,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is to come.
    #[error("the token is not valid yet")]
    NotYet,
    /// A claim is missing or is not what it should be.
    #[error("the token lacks the claim {0}, or it is not well-formed")]
    Claim(&'static str),
    /// No API token of this gateway.
    #[error("the token is not known")]
    Unknown,
    /// It was revoked.
    #[error("the token was revoked")]
    Revoked,
    /// Nobody can be authenticated here.
    #[error("no authentication is configured on this gateway; every connection is anonymous")]
    NotConfigured,
}

impl AuthError {
    /// A word for metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Header => "header",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::UnknownKey => "unknown_key",
            Self::KeysUnavailable => "keys_unavailable",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Claim(_) => "claim",
            Self::Unknown => "unknown",
            Self::Revoked => "revoked",
            Self::NotConfigured => "not_configured",
        }
    }
}

impl From<jsonwebtoken::errors::Error> for AuthError {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        use jsonwebtoken::errors::ErrorKind;
        match error.kind() {
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::InvalidAlgorithm | ErrorKind::InvalidKeyFormat => Self::Algorithm,
            ErrorKind::UnsupportedAlgorithm | ErrorKind::MissingAlgorithm => Self::Algorithm,
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::NotYet,
            ErrorKind::InvalidAudience => Self::Audience,
            ErrorKind::InvalidIssuer => Self::Issuer,
            ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
                Self::Claim(match claim.as_str() {
                    "exp" => "exp",
                    "nbf" => "nbf",
                    "aud" => "aud",
                    "iss" => "iss",
                    _ => "sub",
                })
            }
            _ => Self::Malformed,
        }
    }
}
