//! What the model is shown of a flow: shares, percentiles and paces, each about 0 to 1.

use super::{Behavior, PACKETS, Seen, gap_code, gap_micros};

/// How many there are.
pub const FEATURES: usize = GENERAL + 2 * PER_END + FIRST * 2 + LAST * 2;
const GENERAL: usize = 22;
const PER_END: usize = 40;
const FIRST: usize = 10;
const LAST: usize = 5;

/// Upper edges of the classes of sizes, bytes: acknowledgements, codecs (G.729 to G.711), game states, pieces
/// of pictures, full packets.
const SIZES: [u16; 9] = [40, 70, 110, 180, 280, 450, 800, 1_150, 1_300];
/// Upper edges of the classes of gaps: back to back, a burst, codecs and ticks (5 to 130 ms), people.
const GAPS: [u8; 8] = [
    gap_code(300),
    gap_code(3_000),
    gap_code(9_000),
    gap_code(17_000),
    gap_code(28_000),
    gap_code(45_000),
    gap_code(130_000),
    gap_code(1_000_000),
];
/// The class of a size by tens of bytes; all edges are whole tens.
const SIZE_CLASS: [u8; 131] = {
    let mut classes = [0; 131];
    let mut at = 0;
    while at < classes.len() {
        while (classes[at] as usize) < SIZES.len() && at * 10 >= SIZES[classes[at] as usize] as usize {
            classes[at] += 1;
        }
        at += 1;
    }
    classes
};
/// The class of a gap by its code.
const GAP_CLASS: [u8; 256] = {
    let mut classes = [0; 256];
    let mut code = 0;
    while code < classes.len() {
        while (classes[code] as usize) < GAPS.len() && code >= GAPS[classes[code] as usize] as usize {
            classes[code] += 1;
        }
        code += 1;
    }
    classes
};
/// A full packet of Ethernet; what is larger was merged.
const FULL: f32 = 1_460.0;
/// Packets closer than this belong to one picture or answer, microseconds.
const BURST: u64 = 2_500;

/// Writes one after the other.
struct Row {
    values: [f32; FEATURES],
    next: usize,
}

impl Row {
    fn put(&mut self, value: f32) {
        if let Some(place) = self.values.get_mut(self.next) {
            *place = value;
        }
        self.next += 1;
    }
}

/// Volume or time on a scale where a doubling is a step.
fn log(value: u64) -> f32 {
    (gap_code(value) as f32) / 200.0
}

fn share(part: usize, of: usize) -> f32 {
    if of == 0 { 0.0 } else { part as f32 / of as f32 }
}

/// Up to [`PACKETS`] values of one kind.
struct Few<T> {
    values: [T; PACKETS],
    count: usize,
}

impl<T: Copy + Default + Ord> Few<T> {
    fn new() -> Few<T> {
        Few { values: [T::default(); PACKETS], count: 0 }
    }

    fn add(&mut self, value: T) {
        if let Some(place) = self.values.get_mut(self.count) {
            *place = value;
            self.count += 1;
        }
    }

    fn all(&self) -> &[T] {
        &self.values[..self.count]
    }

    fn sort(&mut self) {
        let count = self.count;
        self.values[..count].sort_unstable();
    }

    /// Of sorted values.
    fn percentile(&self, hundredths: usize) -> T {
        self.all().get(self.count.saturating_sub(1) * hundredths / 100).copied().unwrap_or_default()
    }
}

/// What one end sent.
struct End {
    sizes: Few<u16>,
    gaps: Few<u8>,
    /// Bytes of bursts, and the gaps between their beginnings.
    bursts: Few<u32>,
    paces: Few<u8>,
}

fn end(packets: &[Seen], times: &[u64], from_initiator: bool) -> End {
    let mut end = End { sizes: Few::new(), gaps: Few::new(), bursts: Few::new(), paces: Few::new() };
    let (mut last, mut began) = (None, 0);
    let mut burst = 0;
    for (seen, &at) in packets.iter().zip(times).filter(|(seen, _)| seen.from_initiator == from_initiator) {
        end.sizes.add(seen.size);
        if let Some(last) = last {
            end.gaps.add(gap_code(at - last));
            if at - last > BURST {
                end.bursts.add(burst);
                end.paces.add(gap_code(at - began));
                (burst, began) = (0, at);
            }
        } else {
            began = at;
        }
        burst += u32::from(seen.size);
        last = Some(at);
    }
    if last.is_some() {
        end.bursts.add(burst);
    }
    end
}

/// How many of sorted `gaps` are within a quarter of the middle one.
fn evenness(gaps: &Few<u8>) -> f32 {
    let middle = gaps.percentile(50);
    share(gaps.all().iter().filter(|gap| gap.abs_diff(middle) <= 3).count(), gaps.count)
}

fn put_end(row: &mut Row, mut end: End, packets: usize) {
    let start = row.next;
    let count = end.sizes.count;
    let sizes = end.sizes.all();
    let (mut steps, mut early, mut total, mut squares) = (0_u32, 0_u32, 0_u32, 0_u32);
    // Ciphers in blocks pad to 16 bytes (WireGuard, IPsec, Tor's cells): sizes that leave the same rest.
    let mut rests = [0_u8; 16];
    let mut histogram = [0_u8; SIZES.len() + 1];
    let mut before = sizes.first().map_or(0, |&size| u32::from(size.min(1_500)));
    for (nth, &size) in sizes.iter().enumerate() {
        rests[usize::from(size % 16)] += 1;
        histogram[usize::from(SIZE_CLASS[usize::from(size / 10).min(SIZE_CLASS.len() - 1)])] += 1;
        let size = u32::from(size.min(1_500));
        steps += size.abs_diff(before);
        early += if nth < count / 2 { size } else { 0 };
        total += size;
        squares += size * size;
        before = size;
    }
    let mean = |bytes: u32, of: usize| share(bytes as usize, of.max(1)) / FULL;
    row.put(mean(steps, count.saturating_sub(1)));
    row.put(mean(total - early, count - count / 2) - mean(early, count / 2));
    row.put(share(rests.iter().max().map_or(0, |&most| usize::from(most)), count));
    let middle = share(total as usize, count.max(1));
    let variance = share(squares as usize, count.max(1)) - middle * middle;
    row.put(middle / FULL);
    row.put(variance.max(0.0).sqrt() / FULL);
    histogram.iter().for_each(|&part| row.put(share(usize::from(part), packets)));
    end.sizes.sort();
    for hundredths in [0, 25, 50, 75, 100] {
        row.put(f32::from(end.sizes.percentile(hundredths).min(1_500)) / FULL);
    }
    let (mut distinct, mut longest, mut run) = (0, 0, 0);
    let mut before = None;
    for &size in end.sizes.all() {
        run = if before == Some(size) { run + 1 } else { 1 };
        distinct += usize::from(run == 1);
        longest = longest.max(run);
        before = Some(size);
    }
    row.put(share(distinct, count));
    row.put(share(longest, count));
    let mut histogram = [0_u8; GAPS.len() + 1];
    end.gaps.all().iter().for_each(|&gap| histogram[usize::from(GAP_CLASS[usize::from(gap)])] += 1);
    histogram.iter().for_each(|&part| row.put(share(usize::from(part), packets)));
    end.gaps.sort();
    for hundredths in [10, 50, 90] {
        row.put(f32::from(end.gaps.percentile(hundredths)) / 200.0);
    }
    row.put(evenness(&end.gaps));
    end.bursts.sort();
    end.paces.sort();
    row.put(log(u64::from(end.bursts.percentile(50))));
    row.put(log(u64::from(end.bursts.percentile(100))));
    row.put(share(end.bursts.count, count));
    row.put(f32::from(end.paces.percentile(50)) / 200.0);
    row.put(evenness(&end.paces));
    debug_assert_eq!(row.next - start, PER_END);
}

/// The features of what was seen; `stream` is TCP.
pub fn features(behavior: &Behavior, stream: bool) -> [f32; FEATURES] {
    let mut packets = [Seen { from_initiator: true, size: 0, gap: 0 }; PACKETS];
    let mut times = [0_u64; PACKETS];
    let count = behavior.len();
    let mut now = 0;
    for ((packet, time), seen) in packets.iter_mut().zip(&mut times).zip(behavior.seen()) {
        now += gap_micros(seen.gap);
        (*packet, *time) = (seen, now);
    }
    let (packets, times) = (&packets[..count], &times[..count]);
    let mut row = Row { values: [0.0; FEATURES], next: 0 };
    let (up, down) = (end(packets, times, true), end(packets, times, false));
    let volume = |end: &End| end.sizes.all().iter().map(|&size| u64::from(size)).sum::<u64>();
    let (sent, got) = (volume(&up), volume(&down));
    row.put(if stream { 1.0 } else { 0.0 });
    row.put(share(count, PACKETS));
    row.put(log(now));
    row.put(share(up.sizes.count, count));
    row.put(share(sent as usize, (sent + got) as usize));
    row.put(log(sent));
    row.put(log(got));
    // Packets and bytes per 1,000 seconds, so that the slowest pace is above 1.
    let pace = |amount: u64| log(amount.saturating_mul(1_000_000_000) / now.max(1_000));
    row.put(pace(up.sizes.count as u64));
    row.put(pace(down.sizes.count as u64));
    row.put(pace(sent) / 1.3);
    row.put(pace(got) / 1.3);
    let mut runs = [(0_usize, 0_u64); 2];
    let mut delays = [Few::<u8>::new(), Few::<u8>::new()];
    let (mut run, mut bytes, mut turns) = (0_usize, 0_u64, 0_usize);
    let mut before: Option<bool> = None;
    for seen in packets {
        if before == Some(!seen.from_initiator) {
            turns += 1;
            (run, bytes) = (0, 0);
            delays[usize::from(seen.from_initiator)].add(seen.gap);
        }
        run += 1;
        bytes += u64::from(seen.size);
        let longest = &mut runs[usize::from(!seen.from_initiator)];
        *longest = (longest.0.max(run), longest.1.max(bytes));
        before = Some(seen.from_initiator);
    }
    row.put(share(turns, count.saturating_sub(1)));
    for (run, bytes) in runs {
        row.put(share(run, count));
        row.put(log(bytes));
    }
    for mut delays in delays {
        delays.sort();
        row.put(f32::from(delays.percentile(50)) / 200.0);
        row.put(f32::from(delays.percentile(90)) / 200.0);
    }
    let mut gaps = Few::<u8>::new();
    packets.iter().skip(1).for_each(|seen| gaps.add(seen.gap));
    gaps.sort();
    row.put(f32::from(gaps.percentile(90)) / 200.0);
    row.put(f32::from(gaps.percentile(100)) / 200.0);
    debug_assert_eq!(row.next, GENERAL);
    put_end(&mut row, up, count);
    put_end(&mut row, down, count);
    let mut put = |seen: Option<&Seen>| {
        let size = seen.map_or(0.0, |seen| {
            let size = f32::from(seen.size.min(1_500)) / FULL;
            // Never zero, so that the end shows in the sign.
            if seen.from_initiator { size + 0.05 } else { -size - 0.05 }
        });
        row.put(size);
        row.put(seen.map_or(0.0, |seen| f32::from(seen.gap) / 200.0));
    };
    (0..FIRST).for_each(|at| put(packets.get(at)));
    (1..=LAST).for_each(|back| put(count.checked_sub(back).and_then(|at| packets.get(at))));
    debug_assert_eq!(row.next, FEATURES);
    row.values
}
