// Rows stand still: in which order devices are listed, and when that order may change.

import type { DeviceNow } from "../live/state";

export type SortKey = "name" | "priority" | "class" | "down" | "up" | "gets" | "volume";

export interface Sort {
  key: SortKey;
  reverse: boolean;
}

/** Rows change places at most this often. */
export const RERANK_MS = 5000;

/** Largest rate first, smallest priority number first, names from A: what a person expects of each column. */
function difference(key: SortKey, a: DeviceNow, b: DeviceNow): number {
  switch (key) {
    case "name":
      return a.info.name.localeCompare(b.info.name, undefined, { numeric: true });
    case "priority":
      return a.priority - b.priority;
    case "class":
      return (a.mainClass < 0 ? 99 : a.mainClass) - (b.mainClass < 0 ? 99 : b.mainClass);
    case "down":
      return b.down - a.down;
    case "up":
      return b.up - a.up;
    case "gets":
      return b.p50Down - a.p50Down;
    case "volume": {
      const sum = ({ info }: DeviceNow) => info.volume_today.download + info.volume_today.upload;
      return sum(b) - sum(a);
    }
  }
}

/** The numbers of the devices in order; those that differ in nothing keep the order of their numbers. */
export function sorted(devices: Iterable<DeviceNow>, { key, reverse }: Sort): number[] {
  const rows = [...devices];
  rows.sort((a, b) => {
    const by = difference(key, a, b);
    return (reverse ? -by : by) || a.info.number - b.info.number;
  });
  return rows.map((device) => device.info.number);
}

export interface Order {
  at: number;
  /** What the order was made for; another one is made at once. */
  sort: Sort;
  numbers: readonly number[];
}

/**
 * The order to show now. It is made anew when the sort is another, or when five seconds have passed and nobody
 * points at a row, has the focus in one, or froze them. In between, newcomers go to the end.
 */
export function nextOrder(
  before: Order | undefined,
  devices: ReadonlyMap<number, DeviceNow>,
  sort: Sort,
  now: number,
  stand: boolean,
): Order {
  const same = before && before.sort.key === sort.key && before.sort.reverse === sort.reverse;
  if (!before || !same || (!stand && now - before.at >= RERANK_MS)) {
    return { at: now, sort, numbers: sorted(devices.values(), sort) };
  }
  const kept = before.numbers.filter((number) => devices.has(number));
  if (kept.length === devices.size && kept.length === before.numbers.length) return before;
  const known = new Set(kept);
  const fresh = [...devices.keys()].filter((number) => !known.has(number));
  return { ...before, numbers: [...kept, ...fresh] };
}
