//! Repeatable randomness.

/// A repeatable source of numbers (splitmix64: Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1, 1 excluded.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From `low` to `high`, both included.
    pub fn count(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() % (high.max(low) - low + 1) as u64) as usize
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    /// From `low` to `high`, each doubling as likely as any other.
    pub fn scale(&mut self, low: f64, high: f64) -> f64 {
        (self.between(low.ln(), high.ln())).exp()
    }

    /// As [`Chance::scale`], a whole number.
    pub fn size(&mut self, low: usize, high: usize) -> usize {
        self.scale(low.max(1) as f64, high as f64 + 0.99) as usize
    }

    /// Whether something of this likelihood happens.
    pub fn is(&mut self, likelihood: f64) -> bool {
        self.share() < likelihood
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.count(0, from.len() - 1)]
    }

    /// Around 0, deviating by 1 (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.share()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }

    /// `size` more or less, by `deviation` of itself.
    pub fn around(&mut self, size: f64, deviation: f64) -> usize {
        (size * (1.0 + deviation * self.normal())).max(1.0) as usize
    }

    /// The time to the next of events that come `per_ms` often, without memory.
    pub fn wait(&mut self, mean_ms: f64) -> f64 {
        -mean_ms * (1.0 - self.share()).ln()
    }
}
