//! The logins that are open: in memory, bounded, ending by themselves.

use axum::http::HeaderMap;
use axum::http::header;
use rand::TryRngCore;
use rand::rngs::OsRng;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::sync::watch;
use vocab::Timestamp;

/// The cookie's name.
pub(crate) const COOKIE: &str = "equalnet_login";
/// A login ends this long after it was last used.
const LASTS: Duration = Duration::from_secs(12 * 3_600);
/// Logins open at once; one more ends the one that was not used for longest.
const OPEN_AT_ONCE: usize = 64;

/// One open login.
#[derive(Clone)]
pub(crate) struct Login {
    token: String,
    /// The secret that changes must carry.
    pub(crate) csrf: String,
    /// Who.
    pub(crate) user: String,
    /// When it ends if it is not used.
    pub(crate) expires: Timestamp,
}

impl Login {
    /// What the browser is told to keep.
    pub(crate) fn cookie(&self) -> String {
        format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", self.token, LASTS.as_secs())
    }

    /// Whether `headers` carry the login's second secret.
    pub(crate) fn is_confirmed_by(&self, headers: &HeaderMap) -> bool {
        let said = headers.get("x-csrf-token").map(|value| value.as_bytes()).unwrap_or_default();
        said.ct_eq(self.csrf.as_bytes()).into()
    }
}

/// All open logins.
pub(crate) struct Logins {
    open: Vec<Login>,
    ended: watch::Sender<()>,
}

impl Logins {
    pub(crate) fn new() -> Logins {
        Logins { open: Vec::new(), ended: watch::Sender::new(()) }
    }

    /// Tells whenever a login was ended by somebody (not by time).
    pub(crate) fn endings(&self) -> watch::Receiver<()> {
        self.ended.subscribe()
    }

    /// Opens a login for `user`.
    pub(crate) fn open(&mut self, user: &str, now: Timestamp) -> Login {
        self.open.retain(|login| login.expires > now);
        while self.open.len() >= OPEN_AT_ONCE
            && let Some(stalest) = (0..self.open.len()).min_by_key(|&index| self.open[index].expires)
        {
            self.open.swap_remove(stalest);
            self.ended.send_replace(());
        }
        let login = Login { token: secret(), csrf: secret(), user: user.to_owned(), expires: now + LASTS };
        self.open.push(login.clone());
        login
    }

    /// The login that the cookies in `headers` name; using it puts its end off.
    pub(crate) fn find(&mut self, headers: &HeaderMap, now: Timestamp) -> Option<Login> {
        let token = token_in(headers)?;
        let found = self.at(token.as_bytes())?;
        let login = &mut self.open[found];
        if login.expires <= now {
            self.open.swap_remove(found);
            return None;
        }
        login.expires = login.expires.max(now + LASTS);
        Some(login.clone())
    }

    /// Whether `login` is still open; asking puts its end off.
    pub(crate) fn is_open(&mut self, login: &Login, now: Timestamp) -> bool {
        let Some(found) = self.at(login.token.as_bytes()) else { return false };
        let open = self.open[found].expires > now;
        if open {
            self.open[found].expires = now + LASTS;
        }
        open
    }

    /// Ends `login`.
    pub(crate) fn end(&mut self, login: &Login) {
        if let Some(found) = self.at(login.token.as_bytes()) {
            self.open.swap_remove(found);
            self.ended.send_replace(());
        }
    }

    /// Compares with every login, in a time that says nothing about the secrets.
    fn at(&self, token: &[u8]) -> Option<usize> {
        let mut found = None;
        for (index, login) in self.open.iter().enumerate() {
            if bool::from(login.token.as_bytes().ct_eq(token)) {
                found = Some(index);
            }
        }
        found
    }
}

fn token_in(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}

/// 256 bits from the kernel, as hexadecimal.
fn secret() -> String {
    let mut bytes = [0; 32];
    OsRng.try_fill_bytes(&mut bytes).expect("the kernel has random numbers once it has booted (getrandom(2))");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_unix_secs(1_000_000 + second)
    }

    fn cookies(login: &Login) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("theme=dark; {}={}; other=1", COOKIE, login.token);
        headers.insert(header::COOKIE, value.parse().unwrap());
        headers
    }

    #[test]
    fn a_login_lasts_twelve_hours_after_its_last_use() {
        let mut logins = Logins::new();
        let login = logins.open("admin", at(0));
        assert!(logins.find(&cookies(&login), at(43_199)).is_some(), "just before its end");
        assert!(logins.find(&cookies(&login), at(86_398)).is_some(), "its end was put off");
        assert!(logins.find(&cookies(&login), at(86_398 + 43_200)).is_none());
        assert!(!logins.is_open(&login, at(0)), "what has ended stays so");
    }

    #[test]
    fn what_was_ended_is_found_no_more_and_others_stay() {
        let mut logins = Logins::new();
        let (mine, other) = (logins.open("admin", at(0)), logins.open("admin", at(0)));
        let endings = logins.endings();
        logins.end(&mine);
        assert!(endings.has_changed().unwrap());
        assert!(logins.find(&cookies(&mine), at(1)).is_none());
        assert!(logins.find(&cookies(&other), at(1)).is_some());
    }

    #[test]
    fn there_are_never_more_than_64() {
        let mut logins = Logins::new();
        let all: Vec<Login> = (0..100).map(|second| logins.open("admin", at(second))).collect();
        let open = all.iter().filter(|login| logins.is_open(login, at(100))).count();
        assert_eq!(open, 64);
        assert!(!logins.is_open(&all[0], at(100)));
        assert!(logins.is_open(&all[99], at(100)));
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let mut logins = Logins::new();
        let (one, two) = (logins.open("admin", at(0)), logins.open("admin", at(0)));
        assert_eq!((one.token.len(), one.csrf.len()), (64, 64));
        assert_ne!(one.token, two.token);
        assert_ne!(one.csrf, two.csrf);
        assert_ne!(one.token, one.csrf);
    }
}
