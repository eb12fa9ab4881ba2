// What was, for drawing: rings of typed arrays, outside React. A value lies at the place its time says, so that
// history and live frames may come in any order and a gap stays a gap (NaN).

import { CLASS_COUNT, CLASSES } from "../classes";
import type { History } from "../contract";
import type { LiveState } from "./state";

/** Rates of `rows` things over time, one slot a step. kbit/s. */
export class Ring {
  private readonly values: Float32Array;
  /** Which step each slot holds now, counted since 1970. */
  private readonly steps: Float64Array;

  constructor(
    readonly rows: number,
    readonly slots: number,
    readonly stepMs: number,
  ) {
    this.values = new Float32Array(rows * slots).fill(Number.NaN);
    this.steps = new Float64Array(slots).fill(-1);
  }

  /** Puts one value at its time; times older than what the slot holds are ignored. */
  put(row: number, at: number, value: number) {
    const slot = this.open(at);
    if (slot >= 0) this.values[row * this.slots + slot] = value;
  }

  /** As `put`, but never over a value that is there: history must not replace what was seen live. */
  fill(row: number, at: number, value: number) {
    const slot = this.open(at);
    if (slot < 0) return;
    const place = row * this.slots + slot;
    if (Number.isNaN(this.values[place])) this.values[place] = value;
  }

  /** The value of the step that `at` lies in; NaN where nothing is known. */
  at(row: number, at: number): number {
    const step = Math.floor(at / this.stepMs);
    const slot = step % this.slots;
    return this.steps[slot] === step ? (this.values[row * this.slots + slot] as number) : Number.NaN;
  }

  private open(at: number): number {
    const step = Math.floor(at / this.stepMs);
    const slot = step % this.slots;
    const held = this.steps[slot] as number;
    if (held > step) return -1;
    if (held < step) {
      this.steps[slot] = step;
      for (let row = 0; row < this.rows; row += 1) this.values[row * this.slots + slot] = Number.NaN;
    }
    return slot;
  }
}

export type Direction = "down" | "up";

/** 17 minutes of seconds: the longest live window is 15. */
const CLASS_SLOTS = 1024;
/** 5 min 20 s in steps of 5 s for each device. */
const DEVICE_SLOTS = 64;
export const DEVICE_STEP_MS = 5000;

export class Series {
  readonly classes: Record<Direction, Ring> = {
    down: new Ring(CLASS_COUNT, CLASS_SLOTS, 1000),
    up: new Ring(CLASS_COUNT, CLASS_SLOTS, 1000),
  };
  private readonly devices = new Map<number, Record<Direction, Ring>>();
  private sums = new Map<number, { down: number; up: number; count: number }>();
  private deviceStep = -1;
  /** When the oldest value known was measured, ms. */
  since = Number.POSITIVE_INFINITY;
  /** Grows whenever history was filled in, so that a picture of the past knows it is old. */
  filled = 0;

  device(number: number): Record<Direction, Ring> {
    let rings = this.devices.get(number);
    if (rings === undefined) {
      rings = { down: new Ring(1, DEVICE_SLOTS, DEVICE_STEP_MS), up: new Ring(1, DEVICE_SLOTS, DEVICE_STEP_MS) };
      this.devices.set(number, rings);
    }
    return rings;
  }

  /** Takes what a frame says about now. */
  observe(state: LiveState) {
    this.since = Math.min(this.since, state.ts);
    state.classes.forEach((row, i) => {
      this.classes.down.put(i, state.ts, row.down ?? 0);
      this.classes.up.put(i, state.ts, row.up ?? 0);
    });
    const step = Math.floor(state.ts / DEVICE_STEP_MS);
    if (step !== this.deviceStep) {
      this.deviceStep = step;
      this.sums.clear();
      for (const number of this.devices.keys()) if (!state.devices.has(number)) this.devices.delete(number);
    }
    for (const [number, device] of state.devices) {
      // A slot of a device holds the mean of what its frames said.
      let sum = this.sums.get(number);
      if (sum === undefined) {
        sum = { down: 0, up: 0, count: 0 };
        this.sums.set(number, sum);
      }
      sum.down += device.down;
      sum.up += device.up;
      sum.count += 1;
      const rings = this.device(number);
      rings.down.put(0, state.ts, sum.down / sum.count);
      rings.up.put(0, state.ts, sum.up / sum.count);
    }
  }

  /** Takes columns of `class.<word>.download|upload`, bit/s. */
  fillClasses(history: History) {
    this.filled += 1;
    CLASSES.forEach((trafficClass, i) => {
      this.fillRing(this.classes.down, i, history, `class.${trafficClass.word}.download`);
      this.fillRing(this.classes.up, i, history, `class.${trafficClass.word}.upload`);
    });
  }

  /** Takes columns of `device.<id>.download|upload`, bit/s. */
  fillDevices(history: History, numbers: ReadonlyMap<string, number>) {
    this.filled += 1;
    for (const [id, number] of numbers) {
      const rings = this.device(number);
      this.fillRing(rings.down, 0, history, `device.${id}.download`);
      this.fillRing(rings.up, 0, history, `device.${id}.upload`);
    }
  }

  private fillRing(ring: Ring, row: number, history: History, name: string) {
    const values = history.series[name];
    if (values === undefined) return;
    values.forEach((value, i) => {
      if (value === null) return;
      const from = history.t0_ms + i * history.step_ms;
      this.since = Math.min(this.since, from);
      // A coarser step of history covers several of ours.
      for (let at = from; at < from + history.step_ms; at += ring.stepMs) ring.fill(row, at, value / 1000);
    });
  }
}
