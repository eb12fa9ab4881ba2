import { describe, expect, test } from "vitest";
import {
  ago,
  clockAt,
  dateAt,
  digits,
  drainMs,
  duration,
  offset,
  rateChange,
  rateOf,
  rateSet,
  rateText,
  volumeText,
} from "../src/format";

const plain = (text: string) => text.replaceAll("\u00a0", " ");

describe("a rate has three significant digits at most, and one decimal", () => {
  test.each([
    [0, "0 kbit/s"],
    [1, "1 kbit/s"],
    [999, "999 kbit/s"],
    [999.6, "1.0 Mbit/s"],
    [1000, "1.0 Mbit/s"],
    [9_949, "9.9 Mbit/s"],
    [31_240, "31.2 Mbit/s"],
    [99_949, "99.9 Mbit/s"],
    [99_951, "100 Mbit/s"],
    [999_499, "999 Mbit/s"],
    [999_600, "1.0 Gbit/s"],
    [34_000_000, "34.0 Gbit/s"],
    [-1, "–"],
    [Number.NaN, "–"],
  ])("%d kbit/s is %s", (kbit, text) => {
    expect(plain(rateText(kbit))).toBe(text);
  });
});

test("bytes a second on request", () => {
  expect(plain(rateText(80_000, "byte"))).toBe("10.0 MB/s");
  expect(plain(rateText(80, "byte"))).toBe("10 kB/s");
});

test("what somebody set has no empty decimal, what was measured keeps its width", () => {
  expect(plain(rateSet(20_000))).toBe("20 Mbit/s");
  expect(plain(rateSet(94_500))).toBe("94.5 Mbit/s");
  expect(plain(rateText(20_000))).toBe("20.0 Mbit/s");
});

test("two rates of one sentence share a unit", () => {
  expect(plain(rateOf(93_700, 120_000))).toBe("93.7 of 120 Mbit/s");
  expect(plain(rateOf(40, 120_000))).toBe("0 of 120 Mbit/s");
  expect(plain(rateChange(761, 4_700))).toBe("0.8 → 4.7 Mbit/s");
  expect(plain(rateChange(10_000, 6_000))).toBe("10.0 → 6.0 Mbit/s");
  expect(plain(rateChange(40_000, 46_000, "byte"))).toBe("5.0 → 5.8 MB/s");
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_500, "1.5 kB"],
  [44_600_000_000, "44.6 GB"],
])("a volume of %d is %s", (bytes, text) => {
  expect(plain(volumeText(bytes))).toBe(text);
});

test.each([
  [0, "0 ms"],
  [0.4, "<1 ms"],
  [142.4, "142 ms"],
  [1_000, "1 s"],
  [59_400, "59 s"],
  [60_000, "1 min"],
  [70_000, "1 min 10 s"],
  [3_600_000, "1 h 0 min"],
])("%d ms are %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test("a place on the time axis", () => {
  expect(offset(0)).toBe("now");
  expect(offset(-70_000)).toBe("−1 min 10 s");
  expect(offset(30_000)).toBe("+30 s");
});

test("how long ago", () => {
  expect(ago(10_000, 10_500)).toBe("now");
  expect(ago(10_000, 22_000)).toBe("12 s ago");
  expect(ago(0, 5 * 60_000)).toBe("5 min ago");
  expect(ago(0, 2 * 3_600_000)).toMatch(/^\d\d:\d\d$/);
});

test("a backlog is felt as the time it takes to drain", () => {
  expect(drainMs(0, 0)).toBe(0);
  expect(drainMs(125_000, 10_000)).toBe(100);
  expect(drainMs(1_000, 0)).toBe(8_000);
});

test("digits never show two decimals", () => {
  for (let value = 0.001; value < 2000; value *= 1.07) expect(digits(value)).toMatch(/^\d+(\.\d)?$/);
});

test("times and dates where EqualNet runs, wherever the reader is", () => {
  const noon = Date.UTC(2026, 10, 21, 12);
  expect([clockAt(noon, 0), dateAt(noon, 0)]).toEqual(["12:00", "Sat 21 Nov"]);
  expect([clockAt(noon, 12 * 3600), dateAt(noon, 12 * 3600)]).toEqual(["00:00", "Sun 22 Nov"]);
  expect([clockAt(noon, -45_000), dateAt(Date.UTC(2026, 11, 1), 0)]).toEqual(["23:30", "Tue 1 Dec"]);
});
