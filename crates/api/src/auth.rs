//! Who may ask: accounts, logins, and the guards before every route.
//!
//! On the Unix socket the file system has decided already: full rights, no login. Over TCP a password
//! opens a login (a cookie that scripts cannot read), and every change carries the login's second secret
//! in a header that other pages cannot set.

mod gate;
mod guard;
mod logins;

pub(crate) use gate::LoginGate;
pub(crate) use guard::{Caller, HostRules, check_host, require_login};
pub(crate) use logins::{COOKIE, Login, Logins};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};

/// Somebody who may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The login name.
    pub user: String,
    /// The password's hash as [`hash_password`] makes it (PHC string, Argon2id).
    pub password_hash: String,
}

/// Without the hash: it belongs in no log.
impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A password or a hash that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short to keep anybody out (NIST SP 800-63B, 5.1.1.2: at least 8).
    #[error("a password needs at least 8 characters")]
    TooShort,
    /// Too long to hash in a bounded time.
    #[error("a password has at most 1024 bytes")]
    TooLong,
    /// The hash function refused.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// The longest password, in bytes.
pub(crate) const LONGEST_PASSWORD: usize = 1_024;

/// The hash of `password` to keep in the configuration: Argon2id v19 with the crate's defaults (19 MiB, 2
/// passes, 1 lane: OWASP's first choice) and a random salt. Takes tens of milliseconds.
///
/// # Errors
/// [`PasswordError`] for a password below 8 characters or above 1,024 bytes.
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < 8 {
        return Err(PasswordError::TooShort);
    }
    if password.len() > LONGEST_PASSWORD {
        return Err(PasswordError::TooLong);
    }
    let hash: PasswordHash =
        Argon2::default().hash_password(password.as_bytes()).map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(hash.to_string())
}

/// Whether `password` is the one of `hash`; a hash nobody can read fits no password.
pub(crate) fn fits(password: &str, hash: &str) -> bool {
    match PasswordHash::new(hash) {
        Ok(hash) => Argon2::default().verify_password(password.as_bytes(), &hash).is_ok(),
        Err(_) => false,
    }
}

/// A hash that no password is known to have: what is compared when the account does not exist, so that the time of the
/// answer does not tell. Its cost is that of [`hash_password`]; making one of our own would take 19 MiB at every start.
pub(crate) const HASH_OF_NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5aGFzdGhpczEyMw$bm9ib2R5IGhhcyB0aGlzIHBhc3N3b3JkIGFueXdoZXI";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_costs_what_somebody_costs() {
        let cost = |hash: &str| hash.rsplitn(3, '$').nth(2).map(str::to_owned);
        assert_eq!(cost(HASH_OF_NOBODY), cost(&hash_password("correct horse").unwrap()));
        let [nobody, somebody] =
            [HASH_OF_NOBODY.to_owned(), hash_password("correct horse").unwrap()].map(|hash| hash.len());
        assert_eq!(nobody, somebody);
        // Readable, or the comparison would be quick.
        let parsed = PasswordHash::new(HASH_OF_NOBODY).unwrap();
        assert!(parsed.hash.is_some() && parsed.salt.is_some());
        assert!(!fits("nobody has this password", HASH_OF_NOBODY));
    }
}
