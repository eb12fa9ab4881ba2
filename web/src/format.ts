// The one formatter of numbers: three significant digits, the unit apart so that it can be set smaller.

export interface Quantity {
  /** The digits, with a point. */
  value: string;
  /** The unit, e.g. `Mbit/s`. */
  unit: string;
}

export type RateUnit = "bit" | "byte";

const NONE: Quantity = { value: "–", unit: "" };

/** At most three significant digits and at most one decimal: two decimals on a rate only flicker. */
export function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 99.95) return String(Math.round(value));
  return size < 0.05 ? "0" : value.toFixed(1);
}

function scaled(value: number, base: number, units: readonly string[]): Quantity {
  let step = 0;
  let rest = Math.abs(value);
  // 999.5 would be written 1000: that is where the next unit begins.
  while (rest >= base * 0.9995 && step < units.length - 1) {
    rest /= base;
    step += 1;
  }
  const signed = value < 0 ? -rest : rest;
  const unit = units[step] ?? "";
  return { value: step === 0 ? String(Math.round(signed)) : digits(signed), unit };
}

/** A rate in kbit/s as the live socket writes it; negative stands for "not known". */
export function rate(kbit: number, unit: RateUnit = "bit"): Quantity {
  if (!(kbit >= 0)) return NONE;
  if (unit === "byte") return scaled(kbit / 8, 1000, ["kB/s", "MB/s", "GB/s"]);
  return scaled(kbit, 1000, ["kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]);
}

/** The same as one string. */
export function rateText(kbit: number, unit: RateUnit = "bit"): string {
  return text(rate(kbit, unit));
}

/** A rate that somebody set, as one string: "20 Mbit/s", where a measured one is "20.0 Mbit/s". */
export function rateSet(kbit: number, unit: RateUnit = "bit"): string {
  const quantity = rate(kbit, unit);
  return text({ ...quantity, value: quantity.value.replace(/\.0$/, "") });
}

/** A volume in bytes. */
export function volume(bytes: number): Quantity {
  if (!(bytes >= 0)) return NONE;
  return scaled(bytes, 1000, ["B", "kB", "MB", "GB", "TB", "PB"]);
}

export function volumeText(bytes: number): string {
  return text(volume(bytes));
}

function text(quantity: Quantity): string {
  return quantity.unit === "" ? quantity.value : `${quantity.value}\u00a0${quantity.unit}`;
}

/** `used` of a capacity with one unit: "93.7 of 120 Mbit/s". */
export function rateOf(used: number, whole: number, unit: RateUnit = "bit"): string {
  const top = rate(whole, unit);
  const part = inUnit(used, top.unit);
  return `${part ?? rateText(used, unit)} of ${rateSet(whole, unit)}`;
}

/** `from → to` with one unit. */
export function rateChange(from: number, to: number, unit: RateUnit = "bit"): string {
  const bigger = rate(Math.max(from, to), unit).unit;
  return `${inUnit(from, bigger) ?? rateText(from, unit)} → ${inUnit(to, bigger) ?? rateText(to, unit)}\u00a0${bigger}`;
}

const SIZES: Record<string, number> = {
  "kbit/s": 1,
  "Mbit/s": 1e3,
  "Gbit/s": 1e6,
  "Tbit/s": 1e9,
  "kB/s": 8,
  "MB/s": 8e3,
  "GB/s": 8e6,
};

function inUnit(kbit: number, unit: string): string | undefined {
  const size = SIZES[unit];
  if (size === undefined || !(kbit >= 0)) return undefined;
  const value = kbit / size;
  return size === 1 ? String(Math.round(value)) : digits(value);
}

/** Milliseconds until a backlog has drained at a rate: what a person feels of a queue. Bytes and kbit/s in. */
export function drainMs(backlog: number, kbit: number): number {
  if (backlog <= 0) return 0;
  return (backlog * 8) / Math.max(kbit, 1);
}

export function duration(ms: number): string {
  if (ms < 1) return ms <= 0 ? "0 ms" : "<1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** "12 s ago", "5 min ago"; from an hour on the local 24-hour clock. */
export function ago(at: number, now: number): string {
  const ms = Math.max(0, now - at);
  if (ms < 2000) return "now";
  if (ms < 60_000) return `${Math.round(ms / 1000)} s ago`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ago`;
  return clock(at).slice(0, 5);
}

/** Local 24-hour clock, "14:02:10". */
export function clock(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
}

/** The time of day where clocks are `offset` seconds ahead of UTC, "14:00". */
export function clockAt(at: number, offset: number): string {
  return new Date(at + offset * 1000).toISOString().slice(11, 16);
}

/** The date there, "Tue 24 Nov". */
export function dateAt(at: number, offset: number): string {
  const date = new Date(at + offset * 1000);
  const [weekday, rest] = date.toUTCString().split(", ");
  return `${weekday} ${rest?.slice(0, 6).replace(/^0/, "")}`;
}

/** A stretch of time before or after now for an axis or a cursor: "−1 min 10 s", "+30 s", "now". */
export function offset(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds === 0) return "now";
  const sign = seconds < 0 ? "−" : "+";
  return `${sign}${duration(Math.abs(seconds) * 1000)}`;
}

/** The next number of 1, 2, 5 × 10ⁿ at or above `value`: where an axis ends when the capacity is not known. */
export function niceCeil(value: number): number {
  if (!(value > 0)) return 1000;
  const power = 10 ** Math.floor(Math.log10(value));
  const lead = value / power;
  return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
}
