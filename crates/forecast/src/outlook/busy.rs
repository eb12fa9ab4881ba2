//! When it is busy.

use super::bytes;
use super::season::Fit;
use vocab::{Busy, BusyStretch};

/// An hour stands out when it is this much busier than the mean one.
const STANDS_OUT: f64 = 1.5;
/// A stretch goes on while an hour has this part of its busiest.
const GOES_ON: f64 = 0.75;
/// How many stretches are told.
const STRETCHES: usize = 3;

pub fn busy(fit: &Fit) -> Busy {
    let season = fit.season();
    let usual: Vec<f64> = (0..season.slots()).map(|slot| fit.usual(slot)).collect();
    let busiest = stretches(&usual);
    Busy { season, usual: usual.into_iter().map(bytes).collect(), busiest }
}

fn stretches(usual: &[f64]) -> Vec<BusyStretch> {
    let count = usual.len();
    let mean = usual.iter().sum::<f64>() / count.max(1) as f64;
    let mut taken = vec![false; count];
    let mut found = Vec::new();
    while found.len() < STRETCHES {
        let free = (0..count).filter(|slot| !taken[*slot]);
        let Some(peak) = free.max_by(|a, b| usual[*a].total_cmp(&usual[*b]).then(b.cmp(a))) else { break };
        if usual[peak] < STANDS_OUT * mean || usual[peak] < 1.0 {
            break;
        }
        let belongs = |slot: usize, taken: &[bool]| !taken[slot] && usual[slot] >= GOES_ON * usual[peak];
        let (mut from, mut hours) = (peak, 1);
        taken[peak] = true;
        while hours < count && belongs((from + count - 1) % count, &taken) {
            from = (from + count - 1) % count;
            taken[from] = true;
            hours += 1;
        }
        while hours < count && belongs((from + hours) % count, &taken) {
            taken[(from + hours) % count] = true;
            hours += 1;
        }
        let sum: f64 = (0..hours).map(|hour| usual[(from + hour) % count]).sum();
        found.push(BusyStretch { from, hours, usual: bytes(sum / hours as f64) });
        // The shoulders of a stretch are no stretch of their own.
        taken[(from + count - 1) % count] = true;
        taken[(from + hours) % count] = true;
    }
    found
}
