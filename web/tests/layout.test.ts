import { describe, expect, test } from "vitest";
import { axisTop, bandMiddle, foreseen, pastTicks, pushApart, ticks, timeScale } from "../src/river/layout";

describe("the time scale", () => {
  test.each([
    [60_000, 60_000],
    [300_000, 60_000],
    [900_000, 60_000],
    [120_000, 30_000],
  ])("of %d ms past and %d ms ahead goes there and back, and ends at the edges", (past, ahead) => {
    const scale = timeScale(46, 1000, past, ahead);
    expect(scale.x(-past)).toBeCloseTo(46);
    expect(scale.x(ahead)).toBeCloseTo(1000);
    expect(scale.x(0)).toBe(scale.nowX);
    for (const ms of [-past, -past / 3, 0, ahead / 2]) expect(scale.ms(scale.x(ms))).toBeCloseTo(ms);
    const share = (1000 - scale.nowX) / (1000 - 46);
    expect(share).toBeGreaterThan(0.19);
    expect(share).toBeLessThan(0.35);
  });
});

test("the axis holds the capacity and all that is drawn, in steps that seldom change", () => {
  for (const largest of [0, 50_000, 119_000, 130_000, 150_000, 188_000]) {
    const top = axisTop(120_000, largest);
    expect(top).toBeGreaterThan(120_000);
    expect(top).toBeGreaterThanOrEqual(largest);
  }
  expect(axisTop(120_000, 10)).toBe(axisTop(120_000, 120_000));
  expect(axisTop(120_000, 9_000_000)).toBe(192_000);
  expect(axisTop(-1, 0)).toBeGreaterThan(0);
  expect(axisTop(-1, 7_300)).toBeGreaterThan(7_300);
});

test.each([
  [120_000, [25_000, 50_000, 75_000, 100_000]],
  [20_000, [5_000, 10_000, 15_000]],
  [1_000_000, [250_000, 500_000, 750_000]],
])("ticks below %d", (top, expected) => {
  expect(ticks(top)).toEqual(expected);
});

test("there are two to five ticks whatever the top", () => {
  for (let top = 7; top < 1e8; top *= 1.13) {
    const count = ticks(top).length;
    expect(count).toBeGreaterThanOrEqual(2);
    expect(count).toBeLessThanOrEqual(5);
  }
});

test("what is foreseen runs straight through now and the horizons", () => {
  const at = (ms: number) => foreseen(10, [20, 40, 85], ms);
  expect([0, 2_500, 5_000, 10_000, 15_000, 30_000, 60_000, 90_000].map(at)).toEqual([10, 15, 20, 30, 40, 55, 85, 85]);
  expect(foreseen(10, [-1, 5, 5], 1_000)).toBeNaN();
});

describe("labels", () => {
  test("that are apart stay where they want to be", () => {
    expect(pushApart([10, 40, 80], 14, 0, 100)).toEqual([10, 40, 80]);
  });

  test("that collide are pushed apart, in order and inside", () => {
    for (const wanted of [
      [50, 50, 50],
      [0, 1, 2, 3],
      [97, 98, 99],
      [20, 22, 90, 95],
    ]) {
      const places = pushApart(wanted, 14, 0, 100);
      places.forEach((place, i) => {
        expect(place).toBeGreaterThanOrEqual(0);
        expect(place).toBeLessThanOrEqual(100);
        if (i > 0) expect(place - (places[i - 1] as number)).toBeGreaterThanOrEqual(14 - 1e-9);
      });
    }
  });

  test("sit in a band only where it is thick enough over their whole width", () => {
    expect(bandMiddle([10, 10], [40, 40], 16)).toBe(25);
    expect(bandMiddle([10, 20], [40, 50], 16)).toBe(30);
    expect(bandMiddle([10, 30], [40, 60], 16)).toBeUndefined();
    expect(bandMiddle([], [], 16)).toBeUndefined();
  });
});

test("the past has labels at round times, within its width", () => {
  expect(pastTicks(300_000, 800)).toEqual([300_000, 240_000, 180_000, 120_000, 60_000]);
  expect(pastTicks(900_000, 300).length).toBeLessThanOrEqual(4);
  expect(pastTicks(60_000, 100).length).toBeGreaterThan(0);
});
