import { describe, expect, test } from "vitest";
import { parseFilter, parseRate } from "../src/devices/filter";
import { nextOrder, type Order, type Sort, sorted } from "../src/devices/order";
import type { DeviceNow } from "../src/live/state";

const NOW = 1_000_000;

function device(number: number, change: object = {}, info: object = {}): DeviceNow {
  return {
    down: 0,
    up: 0,
    p50Down: -1,
    p90Down: -1,
    p50Up: -1,
    p90Up: -1,
    getsDown: -1,
    getsUp: -1,
    mainClass: -1,
    priority: 3,
    heldDown: false,
    heldUp: false,
    isNew: false,
    activeAt: 0,
    info: {
      number,
      id: "",
      name: "",
      mac: "",
      addresses: [],
      vendor: "",
      kind: "",
      volume_today: { download: 0, upload: 0 },
      ...info,
    },
    ...change,
  } as unknown as DeviceNow;
}

const HOME = [
  device(
    1,
    { down: 31_000, up: 4_000, mainClass: 1, priority: 1, activeAt: NOW },
    { name: "Anna's laptop", addresses: ["192.168.1.20", "fd00::20"], mac: "a4:5e:60:00:00:01", vendor: "Apple" },
  ),
  device(
    2,
    { down: 24_800, mainClass: 5, activeAt: NOW - 30_000 },
    { name: "Living-room TV", addresses: ["192.168.1.21"], vendor: "Samsung" },
  ),
  device(
    3,
    { down: 9_900, mainClass: 8, priority: 5, heldDown: true, activeAt: NOW },
    { name: "NAS", addresses: ["192.168.1.22"] },
  ),
  device(
    4,
    { isNew: true, activeAt: NOW - 90_000 },
    { name: "ESP-3F21", vendor: "Espressif", addresses: ["192.168.1.201"] },
  ),
];

describe("the filter", () => {
  test.each([
    ["", [1, 2, 3, 4]],
    ["anna", [1]],
    ["ANNA", [1]],
    ['"living-room tv"', [2]],
    ["name:tv", [2]],
    ["ip:192.168.1.20", [1, 4]],
    ["fd00", [1]],
    ["a4:5e:60", [1]],
    ["mac:a4:5e", [1]],
    ["vendor:sam", [2]],
    ["class:streaming", [2]],
    ["class:S", [2]],
    ["class:b", [3]],
    ["class:call", [1]],
    ["rate>5M", [1, 2, 3]],
    ["rate>=31M", [1]],
    ["up>1M", [1]],
    ["down<10M", [3, 4]],
    ["priority:1", [1]],
    ["p:5", [3]],
    ["priority<=3", [1, 2, 4]],
    ["held", [3]],
    ["limited", [3]],
    ["new", [4]],
    ["active", [1, 2, 3]],
    ["idle", [4]],
    ["-held rate>5M", [1, 2]],
    ["!new", [1, 2, 3]],
    ["class:streaming held", []],
    ["nobody", []],
  ])("%s", (text, numbers) => {
    const filter = parseFilter(text);
    expect(filter.unknown).toEqual([]);
    expect(HOME.filter((d) => filter.matches(d, NOW)).map((d) => d.info.number)).toEqual(numbers);
  });

  test.each(["class:nonsense", "rate>fast", "priority:high"])("%s is not understood and hides nothing", (text) => {
    const filter = parseFilter(text);
    expect(filter.unknown).toEqual([text]);
    expect(HOME.every((d) => filter.matches(d, NOW))).toBe(true);
  });
});

test.each([
  ["5M", 5_000],
  ["300k", 300],
  ["1.5G", 1_500_000],
  ["8000", 8],
  ["5Mbit/s", 5_000],
  ["5 M", 5_000],
  ["", undefined],
  ["M", undefined],
  ["-5M", undefined],
])("%s is %s kbit/s", (text, kbit) => {
  expect(parseRate(text)).toBe(kbit);
});

describe("rows stand still", () => {
  const down: Sort = { key: "down", reverse: false };
  const map = (...devices: DeviceNow[]) => new Map(devices.map((d) => [d.info.number, d]));
  const start = nextOrder(undefined, map(...HOME), down, NOW, false);
  const swapped = map(device(1, { down: 1 }), device(2, { down: 2 }), device(3, { down: 3 }), device(4));

  test("sorted by each column, ties by number", () => {
    expect(start.numbers).toEqual([1, 2, 3, 4]);
    expect(sorted(HOME, { key: "down", reverse: true })).toEqual([4, 3, 2, 1]);
    expect(sorted(HOME, { key: "name", reverse: false })).toEqual([1, 4, 2, 3]);
    expect(sorted(HOME, { key: "priority", reverse: false })).toEqual([1, 2, 4, 3]);
    expect(sorted(HOME, { key: "class", reverse: false })).toEqual([1, 2, 3, 4]);
  });

  test.each<[string, number, boolean, number[]]>([
    ["for five seconds", 4_999, false, [1, 2, 3, 4]],
    ["then they rank again", 5_000, false, [3, 2, 1, 4]],
    ["under a pointer for as long as it is there", 60_000, true, [1, 2, 3, 4]],
  ])("%s", (_, later, stand, expected) => {
    expect(nextOrder(start, swapped, down, NOW + later, stand).numbers).toEqual(expected);
  });

  test("another column ranks at once, even then", () => {
    expect(nextOrder(start, map(...HOME), { key: "name", reverse: false }, NOW + 1, true).numbers).toEqual([
      1, 4, 2, 3,
    ]);
  });

  test("newcomers go to the end, the gone leave", () => {
    const others = map(device(1), device(2), device(4), device(9, { down: 99 }));
    expect(nextOrder(start, others, down, NOW + 1, true).numbers).toEqual([1, 2, 4, 9]);
  });

  test("nothing new is the same order", () => {
    const same: Order = nextOrder(start, map(...HOME), down, NOW + 1, false);
    expect(same).toBe(start);
  });
});
