//! How often somebody may try a password.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;
use vocab::Timestamp;

/// Tries an address has before it must wait.
const FREE_TRIES: u32 = 5;
/// The longest wait of one address.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// After this time without a try an address is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(900);
/// Addresses remembered; above, the oldest is forgotten.
const REMEMBERED: usize = 1_024;
/// Failed tries from everywhere before all must wait, and how fast they come back: one password in two
/// seconds is slow for a guesser with a thousand addresses, and bearable for a person.
const FREE_TRIES_TOGETHER: u32 = 30;
const TOGETHER_EVERY: Duration = Duration::from_secs(2);

/// Counts failed logins, per address and together.
#[derive(Debug, Default)]
pub(crate) struct LoginGate {
    addresses: HashMap<IpAddr, Tries>,
    together: u32,
    together_at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Tries {
    count: u32,
    last: Timestamp,
}

impl LoginGate {
    /// Counts a try from `from`, or says how long it has to wait.
    ///
    /// A try counts as failed until [`LoginGate::passed`]: else a hundred at once would all be the first.
    pub(crate) fn enter(&mut self, from: IpAddr, now: Timestamp) -> Result<(), Duration> {
        let from = network_of(from);
        let recovered = (now.since(self.together_at).as_nanos() / TOGETHER_EVERY.as_nanos()).min(u128::from(u32::MAX));
        if recovered > 0 {
            self.together = self.together.saturating_sub(recovered as u32);
            self.together_at = now;
        }
        if self.together >= FREE_TRIES_TOGETHER {
            return Err(TOGETHER_EVERY);
        }
        let known = self.addresses.get(&from).copied().filter(|tries| now.since(tries.last) < FORGET_AFTER);
        if let Some(tries) = known {
            let wait = wait_after(tries.count).saturating_sub(now.since(tries.last));
            if !wait.is_zero() {
                return Err(wait);
            }
        } else if self.addresses.len() >= REMEMBERED {
            self.forget_the_oldest();
        }
        let count = known.map_or(0, |tries| tries.count).saturating_add(1);
        self.addresses.insert(from, Tries { count, last: now });
        self.together += 1;
        Ok(())
    }

    /// The try was right: `from` starts anew.
    pub(crate) fn passed(&mut self, from: IpAddr) {
        self.addresses.remove(&network_of(from));
        self.together = self.together.saturating_sub(1);
    }

    fn forget_the_oldest(&mut self) {
        if let Some(oldest) = self.addresses.iter().min_by_key(|(_, tries)| tries.last).map(|(address, _)| *address) {
            self.addresses.remove(&oldest);
        }
    }
}

/// 1 s after the fifth failed try, then twice as long each time.
fn wait_after(failed: u32) -> Duration {
    match failed.checked_sub(FREE_TRIES) {
        None => Duration::ZERO,
        Some(beyond) => Duration::from_secs(1 << beyond.min(16)).min(LONGEST_WAIT),
    }
}

/// Who rents an IPv6 network of 64 bits has all its addresses.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries at these seconds from `from`; gives the waits in seconds, 0 for a try that was let in.
    fn check(from: &[&str], at: &[u64], waits: &[u64]) {
        let mut gate = LoginGate::default();
        for (index, (&second, &wait)) in at.iter().zip(waits).enumerate() {
            let address = from[index % from.len()].parse().unwrap();
            let said = gate.enter(address, Timestamp::from_unix_secs(1_000 + second)).err().unwrap_or_default();
            assert_eq!(said.as_secs(), wait, "try {index} at {second} s");
        }
    }

    #[test]
    fn an_address_waits_longer_each_time() {
        check(&["192.0.2.1"], &[0, 0, 0, 0, 0, 0, 1, 1, 3, 6, 7, 15, 15], &[0, 0, 0, 0, 0, 1, 0, 2, 0, 1, 0, 0, 16]);
    }

    #[test]
    fn an_address_is_forgiven_in_time() {
        check(&["192.0.2.1"], &[0, 0, 0, 0, 0, 0, 900], &[0, 0, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn another_address_need_not_wait() {
        check(&["192.0.2.1", "192.0.2.2"], &[0; 10], &[0; 10]);
    }

    #[test]
    fn a_network_of_64_bits_is_one_address() {
        check(&["2001:db8::1", "2001:db8::2", "2001:db8::3"], &[0; 6], &[0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn many_addresses_together_are_slowed_down() {
        let mut gate = LoginGate::default();
        let now = Timestamp::from_unix_secs(1_000);
        let let_in =
            (0..5_000_u32).filter(|&n| gate.enter(IpAddr::from((0x0a00_0000 + n).to_be_bytes()), now).is_ok()).count();
        assert_eq!(let_in, 30);
        assert!(gate.enter("198.51.100.1".parse().unwrap(), now + TOGETHER_EVERY).is_ok());
    }

    #[test]
    fn a_right_password_forgives() {
        let mut gate = LoginGate::default();
        let (address, now) = ("192.0.2.1".parse().unwrap(), Timestamp::from_unix_secs(1_000));
        for _ in 0..100 {
            assert_eq!(gate.enter(address, now), Ok(()));
            gate.passed(address);
        }
    }
}
