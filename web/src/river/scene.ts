// What a picture of the river shows, read from the live state: no pixel yet.

import { CLASS_COUNT } from "../classes";
import type { RateUnit } from "../format";
import type { Direction, Series } from "../live/series";
import type { LiveState, Row } from "../live/state";
import { AHEAD_MS, foreseen } from "./layout";

/** Where the forecast changes slope; between them it is straight. ms. */
export const KNOTS_MS = [0, 5_000, 15_000, 60_000] as const;

export interface Forecast {
  /** Per class, at each knot; stacked they reach `p50`. */
  classes: number[][];
  /** Per class, at each knot: nine times in ten below. Not scaled. */
  high: number[][];
  /** At each knot, all visible classes together. */
  p50: number[];
  p90: number[];
}

export interface Half {
  direction: Direction;
  capacity: number;
  lineRate: number;
  /** Per class. */
  reserved: number[];
  forecast: Forecast | undefined;
}

export interface Scene {
  now: number;
  pastMs: number;
  aheadMs: number;
  halves: Half[];
  series: Series;
  /** Time of the newest measured value. */
  newest: number;
  visible: boolean[];
  dimmed: boolean[];
  /** Times of decisions. */
  marks: number[];
  unit: RateUnit;
  cursor: number | undefined;
}

const suffix = { down: "down", up: "up" } as const;

function horizons(row: Row, quantile: "p50" | "p90", direction: Direction): [number, number, number] {
  const name = `${quantile}_${suffix[direction]}`;
  return [row[`${name}_5`] ?? -1, row[`${name}_15`] ?? -1, row[`${name}_60`] ?? -1];
}

/**
 * What is foreseen of the visible classes; undefined while learning. Medians do not add up, so the classes'
 * areas are scaled to reach the link's own median where all are shown.
 */
export function forecastOf(state: LiveState, direction: Direction, visible: readonly boolean[]): Forecast | undefined {
  const all = visible.every(Boolean);
  const linkP50 = horizons(state.link, "p50", direction);
  const linkP90 = horizons(state.link, "p90", direction);
  if (linkP50.some((v) => v < 0)) return undefined;
  const classes: number[][] = [];
  const highs: number[][] = [];
  const p50 = KNOTS_MS.map(() => 0);
  const spread = KNOTS_MS.map(() => 0);
  for (let c = 0; c < CLASS_COUNT; c += 1) {
    const row = state.classes[c];
    const now = row?.[direction] ?? 0;
    const likely = row && visible[c] ? horizons(row, "p50", direction) : ([0, 0, 0] as [number, number, number]);
    const most = row && visible[c] ? horizons(row, "p90", direction) : ([0, 0, 0] as [number, number, number]);
    const column: number[] = [];
    highs.push(column);
    classes.push(
      KNOTS_MS.map((ms, k) => {
        column.push(0);
        if (!visible[c]) return 0;
        const value = Math.max(0, foreseen(now, likely.map((v) => Math.max(0, v)) as [number, number, number], ms));
        const high = Math.max(value, k === 0 ? value : (most[k - 1] ?? 0));
        column[k] = high;
        p50[k] = (p50[k] as number) + value;
        // Classes wander on their own: their spreads add up in squares.
        spread[k] = (spread[k] as number) + (high - value) ** 2;
        return value;
      }),
    );
  }
  if (!all) return { classes, high: highs, p50, p90: p50.map((value, k) => value + Math.sqrt(spread[k] as number)) };
  const target = [p50[0] as number, ...linkP50];
  for (const column of classes) {
    column.forEach((value, k) => {
      const sum = p50[k] as number;
      if (sum > 0) column[k] = (value * (target[k] as number)) / sum;
    });
  }
  return {
    classes,
    high: highs,
    p50: target,
    p90: [p50[0] as number, ...linkP90].map((v, k) => Math.max(v, target[k] as number)),
  };
}

/** Whether and when the likely worst case does not fit: seconds from now, or undefined. */
export function fullIn(forecast: Forecast | undefined, capacity: number, aheadMs = AHEAD_MS): number | undefined {
  if (forecast === undefined || !(capacity > 0)) return undefined;
  for (let k = 1; k < KNOTS_MS.length; k += 1) {
    const [before, after] = [forecast.p90[k - 1] as number, forecast.p90[k] as number];
    if (after <= capacity) continue;
    const [t0, t1] = [KNOTS_MS[k - 1] as number, KNOTS_MS[k] as number];
    const at = before >= capacity ? t0 : t0 + ((capacity - before) / (after - before)) * (t1 - t0);
    return at <= aheadMs ? at / 1000 : undefined;
  }
  return undefined;
}

export function halfOf(state: LiveState, direction: Direction, visible: readonly boolean[]): Half {
  const link = state.status.links[0];
  const way = direction === "down" ? "download" : "upload";
  return {
    direction,
    capacity: state.link[`cap_${direction}`] ?? -1,
    lineRate: (link?.line_rate[way] ?? 0) / 1000,
    reserved: state.classes.map((row) => Math.max(0, row[`reserved_${direction}`] ?? 0)),
    forecast: forecastOf(state, direction, visible),
  };
}
