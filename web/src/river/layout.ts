// The arithmetic of the river: where things lie. Pure, so that it can be tested without a canvas.

/** Time to the right of now that the forecast covers. */
export const AHEAD_MS = 60_000;

export interface TimeScale {
  /** Where now is, px. */
  nowX: number;
  /** Place of a time relative to now, px. */
  x: (ms: number) => number;
  /** The time relative to now at a place, ms. */
  ms: (x: number) => number;
  /** How fast the past slides, px a second. */
  pxPerSecond: number;
}

/**
 * Past and future each have their own steps, both written on the axis: 60 s ahead would be a sliver beside
 * 15 minutes, and half the picture beside one.
 */
export function timeScale(left: number, right: number, pastMs: number, aheadMs: number): TimeScale {
  const share = Math.min(0.34, Math.max(0.2, aheadMs / (aheadMs + pastMs)));
  const nowX = Math.round(right - (right - left) * share);
  const past = (nowX - left) / pastMs;
  const ahead = (right - nowX) / aheadMs;
  return {
    nowX,
    x: (ms) => nowX + ms * (ms <= 0 ? past : ahead),
    ms: (x) => (x - nowX) / (x <= nowX ? past : ahead),
    pxPerSecond: past * 1000,
  };
}

/**
 * Where the axis ends: the capacity with room for its label, more where something goes beyond it, in calm
 * steps. A demand foreseen at thrice the capacity must not press what was measured flat: what is above is cut off there,
 * and its label says how much it is.
 */
export function axisTop(capacity: number, largest: number): number {
  if (!(capacity > 0)) return niceTop(largest);
  for (const factor of [1.12, 1.3]) if (largest <= capacity * factor * 0.98) return capacity * factor;
  return capacity * 1.6;
}

function niceTop(largest: number): number {
  const value = Math.max(largest * 1.1, 100);
  const power = 10 ** Math.floor(Math.log10(value));
  for (const lead of [1, 1.5, 2, 3, 5, 7.5, 10]) if (value <= lead * power) return lead * power;
  return 10 * power;
}

/** Three to five round steps up to `top`, without 0. */
export function ticks(top: number): number[] {
  const power = 10 ** Math.floor(Math.log10(top));
  const step = [0.2, 0.25, 0.3, 0.5, 1, 2, 2.5].map((lead) => lead * power).find((s) => top / s <= 4.999) ?? power;
  const out: number[] = [];
  for (let value = step; value < top * 0.999; value += step) out.push(value);
  return out;
}

/** Demand foreseen `ms` ahead: straight lines through now and the horizons. kbit/s; NaN while learning. */
export function foreseen(now: number, horizons: readonly [number, number, number], ms: number): number {
  if (horizons.some((value) => value < 0)) return Number.NaN;
  const knots: readonly [number, number][] = [
    [0, now],
    [5_000, horizons[0]],
    [15_000, horizons[1]],
    [60_000, horizons[2]],
  ];
  for (let i = 1; i < knots.length; i += 1) {
    const [t0, v0] = knots[i - 1] as [number, number];
    const [t1, v1] = knots[i] as [number, number];
    if (ms <= t1) return v0 + ((v1 - v0) * (ms - t0)) / (t1 - t0);
  }
  return horizons[2];
}

/**
 * Moves labels apart until they are at least `gap` from each other and within `min` to `max`, each as near to
 * where it wants to be as the others let it. Keeps the order of `wanted`, which must be ascending.
 */
export function pushApart(wanted: readonly number[], gap: number, min: number, max: number): number[] {
  const places = wanted.map((place) => Math.min(Math.max(place, min), max));
  for (let i = 1; i < places.length; i += 1) {
    places[i] = Math.max(places[i] as number, (places[i - 1] as number) + gap);
  }
  let ceiling = max;
  for (let i = places.length - 1; i >= 0; i -= 1) {
    places[i] = Math.min(places[i] as number, ceiling);
    ceiling = (places[i] as number) - gap;
  }
  return places;
}

/**
 * The height at which a label fits into a band over its whole width: the middle of what is inside at all its
 * points. Undefined where less than `least` px is left. `low` and `high` are px, y down, `high[i] <= low[i]`.
 */
export function bandMiddle(high: readonly number[], low: readonly number[], least: number): number | undefined {
  if (high.length === 0) return undefined;
  const top = Math.max(...high);
  const bottom = Math.min(...low);
  return bottom - top >= least ? (top + bottom) / 2 : undefined;
}

/** Times on the axis of the past, ms before now, largest first. */
export function pastTicks(pastMs: number, width: number): number[] {
  const room = Math.max(2, Math.floor(width / 100));
  const step =
    [10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 180_000, 300_000].find((s) => pastMs / s <= room) ?? pastMs;
  const out: number[] = [];
  for (let ms = Math.floor(pastMs / step) * step; ms > 0; ms -= step) out.push(ms);
  return out;
}
