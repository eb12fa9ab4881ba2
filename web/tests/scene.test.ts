import { expect, test } from "vitest";
import { CLASS_COUNT } from "../src/classes";
import type { LiveState } from "../src/live/state";
import { forecastOf, fullIn } from "../src/river/scene";

const ALL = Array.from({ length: CLASS_COUNT }, () => true);

/** A link with two busy classes; each class is `[now, p50 at 60 s, p90 at 60 s]`. */
function state(
  link: [number, number, number],
  voice: [number, number, number],
  web: [number, number, number],
): LiveState {
  const row = ([now, p50, p90]: [number, number, number]) => ({
    down: now,
    p50_down_5: p50,
    p50_down_15: p50,
    p50_down_60: p50,
    p90_down_5: p90,
    p90_down_15: p90,
    p90_down_60: p90,
  });
  const none: [number, number, number] = [0, 0, 0];
  const classes = ALL.map((_, c) => row(c === 0 ? voice : c === 4 ? web : none));
  return { link: row(link), classes } as unknown as LiveState;
}

test("the classes' areas reach the link's own median", () => {
  const forecast = forecastOf(state([30, 80, 90], [10, 10, 12], [20, 30, 40]), "down", ALL);
  expect(forecast?.p50).toEqual([30, 80, 80, 80]);
  expect(forecast?.p90).toEqual([30, 90, 90, 90]);
  expect(forecast?.classes[0]?.[3]).toBeCloseTo(20);
  expect(forecast?.classes[4]?.[3]).toBeCloseTo(60);
});

test("of some classes the spreads add up in squares", () => {
  const visible = ALL.map((_, c) => c === 0 || c === 4);
  const forecast = forecastOf(state([30, 80, 90], [10, 10, 13], [20, 30, 34]), "down", visible);
  expect(forecast?.p50.at(-1)).toBe(40);
  expect(forecast?.p90.at(-1)).toBe(45);
});

test("while the link learns there is no forecast", () => {
  expect(forecastOf(state([30, -1, -1], [10, -1, -1], [20, -1, -1]), "down", ALL)).toBeUndefined();
});

test("when the link may be full is read where P90 meets the capacity", () => {
  const forecast = forecastOf(state([30, 80, 90], [10, 10, 12], [20, 30, 40]), "down", ALL);
  expect(fullIn(forecast, 120)).toBeUndefined();
  expect(fullIn(forecast, 60)).toBeCloseTo(2.5);
  expect(fullIn(forecast, 20)).toBe(0);
  expect(fullIn(forecast, -1)).toBeUndefined();
  expect(fullIn(undefined, 20)).toBeUndefined();
});
