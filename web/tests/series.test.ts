import { expect, test } from "vitest";
import { retryDelayMs } from "../src/live/retry";
import { Ring, Series } from "../src/live/series";

test("a value lies where its time says, in whatever order values come", () => {
  const ring = new Ring(2, 8, 1000);
  ring.put(0, 5_400, 5);
  ring.put(0, 3_000, 3);
  ring.put(1, 5_000, 50);
  expect([ring.at(0, 5_999), ring.at(0, 3_500), ring.at(1, 5_000)]).toEqual([5, 3, 50]);
  expect(ring.at(0, 4_000)).toBeNaN();
  expect(ring.at(1, 3_000)).toBeNaN();
});

test("what is older than the ring is forgotten, and does not come back", () => {
  const ring = new Ring(1, 4, 1000);
  ring.put(0, 1_000, 1);
  ring.put(0, 5_000, 5);
  expect(ring.at(0, 1_000)).toBeNaN();
  ring.put(0, 1_000, 1);
  expect(ring.at(0, 1_000)).toBeNaN();
  expect(ring.at(0, 5_000)).toBe(5);
});

test("history fills gaps and never replaces what was seen live", () => {
  const series = new Series();
  series.classes.down.put(0, 10_000, 7);
  series.fillClasses({
    t0_ms: 9_000,
    step_ms: 1000,
    series: { "class.voice.download": [3_000, 4_000, null, 6_000], "class.update.upload": [9_000] },
  });
  const voice = [9, 10, 11, 12].map((s) => series.classes.down.at(0, s * 1000));
  expect(voice).toEqual([3, 7, Number.NaN, 6]);
  expect(series.classes.up.at(9, 9_000)).toBe(9);
});

test("a coarser step of history covers all its seconds", () => {
  const series = new Series();
  series.fillClasses({ t0_ms: 20_000, step_ms: 5000, series: { "class.web.download": [8_000] } });
  expect([20, 22, 24, 25].map((s) => series.classes.down.at(4, s * 1000))).toEqual([8, 8, 8, Number.NaN]);
});

test("waiting grows to 15 s and is never nothing", () => {
  expect([0, 1, 2, 5, 60].map((attempt) => retryDelayMs(attempt, 1))).toEqual([500, 1000, 2000, 15_000, 15_000]);
  expect(retryDelayMs(3, 0)).toBe(100);
});
