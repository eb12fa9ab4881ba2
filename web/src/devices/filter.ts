// The filter grammar, the same in the terminal: `anna class:streaming rate>5M priority:1 held`. All terms must hold.

import { CLASSES } from "../classes";
import type { DeviceNow } from "../live/state";

export interface Filter {
  /** Whether a device is shown. `now` is the server's time, ms. */
  matches: (device: DeviceNow, now: number) => boolean;
  /** The terms that were not understood; they are ignored. */
  unknown: string[];
}

type Test = (device: DeviceNow, now: number) => boolean;

/** A device that moved something in the last minute is active. */
export const ACTIVE_MS = 60_000;

export function isActive(device: DeviceNow, now: number): boolean {
  return now - device.activeAt < ACTIVE_MS;
}

export function isHeld(device: DeviceNow): boolean {
  return device.heldDown || device.heldUp;
}

const WORDS: Record<string, Test> = {
  held: isHeld,
  limited: isHeld,
  new: (device) => device.isNew,
  active: isActive,
  idle: (device, now) => !isActive(device, now),
};

export function parseFilter(text: string): Filter {
  const tests: Test[] = [];
  const unknown: string[] = [];
  for (const term of text.match(/"[^"]*"|\S+/g) ?? []) {
    const test = parseTerm(term);
    if (test) tests.push(test);
    else unknown.push(term);
  }
  return { matches: (device, now) => tests.every((test) => test(device, now)), unknown };
}

function parseTerm(term: string): Test | undefined {
  const negated = /^[-!](.+)$/.exec(term)?.[1];
  if (negated !== undefined) {
    const test = parseTerm(negated);
    return test && ((device, now) => !test(device, now));
  }
  const word = WORDS[term.toLowerCase()];
  if (word) return word;
  const comparison = /^(rate|down|up|priority|gets)(<=|>=|<|>|=)(.+)$/i.exec(term);
  if (comparison) {
    const [, field, operator, value] = comparison as unknown as [string, string, string, string];
    return compare(field.toLowerCase(), operator, value);
  }
  const pair = /^(name|ip|mac|vendor|kind|class|priority|p)[:~](.+)$/i.exec(term);
  if (pair) {
    const [, field, value] = pair as unknown as [string, string, string];
    return fieldTest(field.toLowerCase(), unquote(value).toLowerCase());
  }
  // Anything else is text to find. A lone operator or an address with colons is text too.
  const needle = unquote(term).toLowerCase();
  return (device) => haystack(device).some((text) => text.toLowerCase().includes(needle));
}

const unquote = (text: string) => text.replace(/^"(.*)"$/, "$1");

function haystack({ info }: DeviceNow): string[] {
  return [info.name, info.mac, info.vendor, info.kind, info.id, ...info.addresses];
}

function fieldTest(field: string, value: string): Test | undefined {
  const contains = (read: (device: DeviceNow) => readonly string[]): Test => {
    return (device) => read(device).some((text) => text.toLowerCase().includes(value));
  };
  switch (field) {
    case "name":
      return contains(({ info }) => [info.name]);
    case "ip":
      return contains(({ info }) => info.addresses);
    case "mac":
      return contains(({ info }) => [info.mac]);
    case "vendor":
      return contains(({ info }) => [info.vendor]);
    case "kind":
      return contains(({ info }) => [info.kind]);
    case "class": {
      // A letter, a word of the API or the beginning of a title: `class:B`, `class:streaming`, `class:down`.
      const index = CLASSES.findIndex(
        (c) => c.letter.toLowerCase() === value || c.word.startsWith(value) || c.title.toLowerCase().startsWith(value),
      );
      return index < 0 ? undefined : (device) => device.mainClass === index;
    }
    default: {
      const level = Number(value);
      return Number.isInteger(level) ? (device) => device.priority === level : undefined;
    }
  }
}

/** `5M`, `300k`, `1.5G` or a bare number of bit/s, in kbit/s. */
export function parseRate(text: string): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(?:bit\/s|bps)?$/i.exec(text);
  if (!match) return undefined;
  const size = { "": 1e-3, k: 1, m: 1e3, g: 1e6, t: 1e9 }[(match[2] ?? "").toLowerCase()] ?? 1e-3;
  return Number(match[1]) * size;
}

function compare(field: string, operator: string, text: string): Test | undefined {
  const value = field === "priority" ? Number(text) : parseRate(text);
  if (value === undefined || Number.isNaN(value)) return undefined;
  const read = (device: DeviceNow): number => {
    switch (field) {
      case "down":
        return device.down;
      case "up":
        return device.up;
      case "gets":
        return device.getsDown;
      case "priority":
        return device.priority;
      default:
        return device.down + device.up;
    }
  };
  switch (operator) {
    case ">":
      return (device) => read(device) > value;
    case ">=":
      return (device) => read(device) >= value;
    case "<":
      return (device) => read(device) < value;
    case "<=":
      return (device) => read(device) <= value;
    default:
      return (device) => read(device) === value;
  }
}
