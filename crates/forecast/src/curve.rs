//! Exponentials and logarithms of numbers side by side.
//!
//! The library's take one number at a time, and a second of a thousand series asks for three hundred thousand. These
//! have no branch, so that a compiler takes several numbers at once; they err by less than one part in a million.
//! Polynomials and constants are those of Cephes (Moshier 1992, `expf.c` and `logf.c`).

/// The logarithm of two in two parts: the first has few bits, so that whole multiples of it are exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// Adding this rounds to a whole number, and leaves it in the lowest bits.
const ROUNDS: f32 = 12_582_912.0;

/// Beyond this e to the power of it is not told from nothing, or from everything.
const FARTHEST: f32 = 80.0;

/// e to the power of `x`, which counts as no farther from zero than 80.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = x.clamp(-FARTHEST, FARTHEST);
    let steps = x * std::f32::consts::LOG2_E + ROUNDS;
    let whole = steps - ROUNDS;
    let rest = x - whole * LN_2[0] - whole * LN_2[1];
    let curve = 1.987_569_1e-4 * rest + 1.398_199_9e-3;
    let curve = curve * rest + 8.333_452e-3;
    let curve = curve * rest + 4.166_579_6e-2;
    let curve = curve * rest + 1.666_666_5e-1;
    let curve = curve * rest + 0.5;
    let part = curve * rest * rest + rest + 1.0;
    // The whole steps are powers of two: added to the exponent.
    f32::from_bits(part.to_bits().wrapping_add(steps.to_bits() << 23))
}

/// e to the power of each of a few numbers. Sixteen at a time: fewer a compiler takes one by one.
#[inline]
pub(crate) fn exp_all<const N: usize>(numbers: [f32; N]) -> [f32; N] {
    const AT_ONCE: usize = 16;
    let mut powers = numbers;
    for some in powers.chunks_mut(AT_ONCE) {
        let mut filled = [0.0; AT_ONCE];
        filled[..some.len()].copy_from_slice(some);
        filled = filled.map(exp);
        some.copy_from_slice(&filled[..some.len()]);
    }
    powers
}

/// The natural logarithm of `x`, a normal number above zero.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    /// The root of one half: what remains lies between it and its double.
    const ROOT: u32 = 0x3f35_04f3;
    let exponent = x.to_bits().wrapping_sub(ROOT) as i32 >> 23;
    let rest = f32::from_bits(x.to_bits().wrapping_sub((exponent << 23) as u32)) - 1.0;
    let curve = 7.037_683_6e-2 * rest - 1.151_461e-1;
    let curve = curve * rest + 1.167_699_9e-1;
    let curve = curve * rest - 1.242_014_1e-1;
    let curve = curve * rest + 1.424_932_3e-1;
    let curve = curve * rest - 1.666_805_8e-1;
    let curve = curve * rest + 2.000_071_5e-1;
    let curve = curve * rest - 2.499_999_4e-1;
    let curve = curve * rest + 3.333_333e-1;
    let square = rest * rest;
    let exponent = exponent as f32;
    curve * rest * square + exponent * LN_2[1] - 0.5 * square + rest + exponent * LN_2[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both err by less than one part in a million, over all that levels can be.
    #[test]
    fn they_are_as_good_as_the_library() {
        for step in -80_000..=80_000 {
            let x = step as f32 / 1_000.0;
            let (found, right) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((found / right - 1.0).abs() < 1e-6, "exp {x}: {found} {right}");
            let (found, right) = (f64::from(ln(x.exp())), f64::from(x.exp()).ln());
            assert!((found - right).abs() < 1e-6 * right.abs().max(0.1), "ln of exp {x}: {found} {right}");
        }
    }

    #[test]
    fn what_is_too_far_is_finite_and_what_is_no_number_stays_none() {
        assert_eq!((exp(0.0), ln(1.0)), (1.0, 0.0));
        assert!(exp(f32::INFINITY).is_finite() && exp(f32::NEG_INFINITY) >= 0.0 && exp(f32::NAN).is_nan());
        assert!(ln(f32::MAX).is_finite() && ln(f32::INFINITY) > 28.0);
    }
}
