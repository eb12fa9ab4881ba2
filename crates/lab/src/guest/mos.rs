//! What a call sounds like: the E-model (ITU-T G.107, 06/2015), with its default values but for delay and loss.

use crate::agent::RttSample;

/// The codec's packet of 20 ms has to be full before it is sent.
const PACKET_MS: f64 = 20.0;
/// A phone waits this long beyond the quickest packet before it plays; what comes later is lost to the ear.
const PATIENCE_MS: f64 = 60.0;
/// G.711 with concealment of lost packets (ITU-T G.113, appendix I): how robust it is.
const ROBUSTNESS: f64 = 25.1;
/// R0 - Is with all default values (G.107, 7.7: R = 93.2 without delay and loss).
const WITHOUT_IMPAIRMENT: f64 = 93.2;

/// The mean opinion score (1 to 4.5) of a call whose packets took `trips`; `NaN` of none.
///
/// A round trip's excess over the quickest is counted as if one way had it all: a worse call than it was, never a
/// better one.
pub(super) fn mos(trips: &[RttSample]) -> f64 {
    let times = trips.iter().filter_map(|trip| Some(f64::from(trip.rtt_us?) / 1e3));
    let Some(quickest) = times.clone().min_by(f64::total_cmp) else { return f64::NAN };
    let heard = times.filter(|time| time - quickest <= PATIENCE_MS).count();
    let lost = 100.0 * (1.0 - heard as f64 / trips.len() as f64);
    score(rating(quickest / 2.0 + PACKET_MS + PATIENCE_MS, lost))
}

/// The rating R of a call with this delay from mouth to ear and this much loss (percent, at random).
fn rating(delay_ms: f64, lost: f64) -> f64 {
    // Ie,eff (G.107, 7.5) with Ie = 0 and BurstR = 1.
    let loss = 95.0 * lost / (lost + ROBUSTNESS);
    WITHOUT_IMPAIRMENT - delay(delay_ms) - loss
}

/// Id (G.107, 7.4): echo at the talker, echo at the listener, delay itself.
fn delay(t: f64) -> f64 {
    // Ro = -1.5 (No - RLR) with No = -61.18 dBm0p, RLR = 2 dB; TELR = 65 dB, WEPL = 110 dB: all defaults.
    let ro = 94.77;
    let terv = 65.0 - 40.0 * ((1.0 + t / 10.0) / (1.0 + t / 150.0)).log10() + 6.0 * (-0.3 * t * t).exp();
    let half = (ro - (80.0 + 2.5 * (terv - 14.0))) / 2.0;
    let talker = (half + (half * half + 100.0).sqrt() - 1.0) * (1.0 - (-t).exp());
    // The round trip on the four wires is both ways.
    let half = (ro - 10.5 * (110.0 + 7.0) * (2.0 * t + 1.0).powf(-0.25)) / 2.0;
    let listener = half + (half * half + 169.0).sqrt();
    let itself = if t <= 100.0 {
        0.0
    } else {
        let x = (t / 100.0).log2();
        25.0 * ((1.0 + x.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (x / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0)
    };
    talker + listener + itself
}

/// The opinion that belongs to a rating (G.107, annex B).
fn score(r: f64) -> f64 {
    let r = r.clamp(0.0, 100.0);
    1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: f64, expected: f64, within: f64) {
        assert!((value - expected).abs() <= within, "{value} is not {expected}");
    }

    /// The oracle is the recommendation: annex B's MOS of its default R, and R over delay in the figure of
    /// G.107 I.1 at TELR 65 dB (about 91 at 100 ms, 88 at 150 ms, 60 at 400 ms).
    #[test]
    fn ratings_are_those_of_the_recommendation() {
        close(score(93.2), 4.41, 0.005);
        close(score(0.0), 1.0, 1e-9);
        close(rating(0.0, 0.0), 93.2, 0.3);
        close(rating(100.0, 0.0), 91.0, 1.5);
        close(rating(150.0, 0.0), 88.0, 2.5);
        close(rating(400.0, 0.0), 60.0, 6.0);
        // Ie,eff of G.711 with concealment: half of what is left at a loss of Bpl.
        close(rating(0.0, 0.0) - rating(0.0, 25.1), 47.5, 1e-6);
    }

    #[test]
    fn a_late_packet_is_a_lost_one() {
        let call = |times: &[Option<u32>]| {
            let trips: Vec<_> = times.iter().map(|rtt_us| RttSample { at_ms: 0, rtt_us: *rtt_us }).collect();
            mos(&trips)
        };
        let good = call(&[Some(20_000); 10]);
        close(good, 4.37, 0.03);
        let mut one_late = [Some(20_000); 10];
        one_late[3] = Some(90_000);
        let mut one_lost = one_late;
        one_lost[3] = None;
        close(call(&one_late), call(&one_lost), 1e-9);
        assert!(call(&one_lost) < good - 0.5);
        assert!(call(&[]).is_nan());
    }
}
