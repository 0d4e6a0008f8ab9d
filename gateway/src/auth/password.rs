//! Passwords: hashed with argon2id, checked on threads that may block, a few at a time.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use zeroize::Zeroizing;

/// The hash of a password, as it is written into the configuration.
///
/// # Errors
/// The machine has no memory or no randomness left.
pub fn hash(password: &[u8]) -> Result<String, String> {
    let hashed = Argon2::default().hash_password(password);
    hashed
        .map(|hash| hash.to_string())
        .map_err(|error| error.to_string())
}

/// Whether a password is the one of a hash.
#[must_use]
pub(super) fn verify(password: &Zeroizing<String>, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    let verified = Argon2::default().verify_password(password.as_bytes(), &hash);
    verified.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password() {
        let hash = hash(b"correct horse").expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
        let of = |text: &str| Zeroizing::new(text.to_owned());
        assert!(verify(&of("correct horse"), &hash));
        assert!(!verify(&of("correct horses"), &hash));
        assert!(!verify(&of("correct horse"), "no hash"));
    }
}
