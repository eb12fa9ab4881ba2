//! The last minute of one series, second by second.

use vocab::{BitRate, Horizon, Usage};

/// How many seconds are kept: the longest horizon, and the second it began in.
pub(crate) const SECONDS: usize = 61;

/// Of the seconds of a mean, how many must be known for the mean to count.
const KNOWN_OF_15: usize = 12;

/// What came in the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The demand, in bit/s.
    Exact(f64),
    /// It was held back: the demand was at least this.
    AtLeast(f64),
}

/// The last minute of one series. Seconds that nobody reported are unknown, not zero.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// Bit/s by second; NaN where it is unknown.
    rates: [f32; SECONDS],
    /// One bit by second: whether it was held back.
    held_back: u64,
    /// The latest second reported, as seconds since 1970.
    last: Option<u64>,
}

/// Where a report stands in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// This many seconds after the report before (1 without a gap; 1 for the first).
    After(u64),
    /// Time jumped too far either way to connect: what was said before cannot be judged.
    Jumped,
    /// Reported already, or a little late: passed over.
    Late,
}

impl Arrival {
    /// Whether time jumped.
    pub const fn has_jumped(self) -> bool {
        matches!(self, Arrival::Jumped)
    }
}

impl History {
    pub fn new() -> History {
        History { rates: [f32::NAN; SECONDS], held_back: 0, last: None }
    }

    /// The latest second reported.
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// Takes the report for `second` (that ended then).
    pub fn report(&mut self, second: u64, usage: Usage) -> Arrival {
        let arrival = match self.last {
            None => Arrival::After(1),
            Some(last) if second > last && second - last < SECONDS as u64 => Arrival::After(second - last),
            Some(last) if second <= last && last - second < SECONDS as u64 => return Arrival::Late,
            Some(_) => Arrival::Jumped,
        };
        match arrival {
            Arrival::After(elapsed) => {
                for missing in 1..elapsed {
                    self.rates[Self::place(second - missing)] = f32::NAN;
                }
            }
            Arrival::Jumped => self.rates = [f32::NAN; SECONDS],
            Arrival::Late => {}
        }
        self.last = Some(second);
        let place = Self::place(second);
        self.rates[place] = usage.rate().as_bps() as f32;
        match usage {
            Usage::Free(_) => self.held_back &= !(1 << place),
            Usage::Backlogged(_) => self.held_back |= 1 << place,
        }
        arrival
    }

    /// What came `horizon` after `origin`, once that has passed; `None` where too much of it is unknown.
    pub fn outcome(&self, origin: u64, horizon: Horizon) -> Option<Outcome> {
        let last = self.last?;
        let end = origin + horizon.seconds();
        if end > last || last - origin >= SECONDS as u64 {
            return None;
        }
        let from = match horizon {
            Horizon::Mean15s => origin + 1,
            Horizon::After1s | Horizon::After5s | Horizon::After15s | Horizon::After60s => end,
        };
        // What waited meanwhile and was served before the end was wanted in this time: only what still waits at the
        // end makes it a lower bound.
        let held_back = self.held_back & (1 << Self::place(end)) != 0;
        let (mut sum, mut known) = (0.0, 0usize);
        for second in from..=end {
            let place = Self::place(second);
            let rate = self.rates[place];
            if !rate.is_nan() {
                sum += f64::from(rate);
                known += 1;
            }
        }
        let wanted = (end - from + 1) as usize;
        if known < wanted.min(KNOWN_OF_15) {
            return None;
        }
        let mean = sum / known as f64;
        Some(if held_back { Outcome::AtLeast(mean) } else { Outcome::Exact(mean) })
    }

    fn place(second: u64) -> usize {
        (second % SECONDS as u64) as usize
    }
}

impl Outcome {
    /// As a rate in bit/s.
    pub fn rate(self) -> BitRate {
        match self {
            Outcome::Exact(rate) | Outcome::AtLeast(rate) => BitRate::from_bps(rate as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_unknown_and_a_minute_is_forgotten() {
        let mut history = History::new();
        let free = |bps| Usage::Free(BitRate::from_bps(bps));
        assert_eq!(history.report(100, free(10)), Arrival::After(1));
        assert_eq!(history.report(101, free(20)), Arrival::After(1));
        assert_eq!(history.report(104, Usage::Backlogged(BitRate::from_bps(50))), Arrival::After(3));
        assert_eq!(history.report(103, free(9)), Arrival::Late);
        assert_eq!(history.outcome(100, Horizon::After1s), Some(Outcome::Exact(20.0)));
        assert_eq!(history.outcome(101, Horizon::After1s), None);
        assert_eq!(history.outcome(99, Horizon::After5s), Some(Outcome::AtLeast(50.0)));
        assert_eq!(history.outcome(100, Horizon::Mean15s), None);
        assert_eq!(history.report(300, free(1)), Arrival::Jumped);
        assert_eq!(history.outcome(100, Horizon::After1s), None);
        assert_eq!(history.report(5, free(1)), Arrival::Jumped);
        assert_eq!(history.last(), Some(5));
    }

    #[test]
    fn a_mean_needs_most_of_its_seconds() {
        let mut history = History::new();
        for second in (1..=16).filter(|second| ![4, 9].contains(second)) {
            history.report(second, Usage::Free(BitRate::from_bps(30)));
        }
        assert_eq!(history.outcome(1, Horizon::Mean15s), Some(Outcome::Exact(30.0)));
    }
}
