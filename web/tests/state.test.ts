import { describe, expect, test } from "vitest";
import type { Device, ServerFrame, Snap } from "../src/contract";
import { advance, type LiveState } from "../src/live/state";

const COLS = {
  l: ["down", "up", "mode"],
  c: ["down", "up", "drops_total"],
  dv: [
    "n",
    "down",
    "up",
    "p50_down",
    "p90_down",
    "p50_up",
    "p90_up",
    "gets_down",
    "gets_up",
    "class",
    "priority",
    "flags",
  ],
};

function device(number: number, name: string): Device {
  const nothing = { download: null, upload: null };
  return {
    id: `a4:5e:60:00:00:0${number}`,
    number,
    name,
    mac: `a4:5e:60:00:00:0${number}`,
    addresses: [`192.168.1.${number}`],
    vendor: "",
    kind: "",
    first_seen_ms: 0,
    last_seen_ms: 1,
    priority: 3,
    weight: 1,
    guarantee: { download: "", upload: "" },
    ceiling: nothing,
    usage: { download: 0, upload: 0 },
    classes: [],
    main_class: "",
    forecast: nothing,
    gets: nothing,
    hold: nothing,
    volume_today: { download: 0, upload: 0 },
    flows: 0,
  };
}

/** Columns of devices from rows of `[number, down, up, class, priority, flags]`. */
function dv(...rows: [number, number, number, number, number, number][]): number[][] {
  const full = rows.map(([n, down, up, mainClass, priority, flags]) => [
    n,
    down,
    up,
    -1,
    -1,
    -1,
    -1,
    5,
    6,
    mainClass,
    priority,
    flags,
  ]);
  return COLS.dv.map((_, i) => full.map((row) => row[i] as number));
}

function snap(q: number, change: Partial<Snap> = {}): ServerFrame {
  return {
    t: "snap",
    q,
    ts: 1_000_000 + q * 500,
    cols: COLS,
    status: {} as Snap["status"],
    devices: [device(1, "one"), device(2, "two")],
    l: [100, 20, 2],
    c: [
      [10, 90],
      [1, 19],
      [0, 7],
    ],
    dv: dv([1, 60, 5, 0, 3, 0], [2, 40, 15, 1, 5, 3]),
    decisions: [],
    alerts: [],
    ...change,
  };
}

const delta = (q: number, change: object = {}): ServerFrame => ({ t: "d", q, ts: 1_000_000 + q * 500, ...change });

/** Plays frames; tells the last state and after which frames a snap was asked for. */
function play(...frames: ServerFrame[]) {
  let state: LiveState | undefined;
  const asked: number[] = [];
  frames.forEach((frame, i) => {
    const step = advance(state, frame);
    state = step.state;
    if (step.askSnap) asked.push(i);
  });
  return { state, asked };
}

test("a snap names everything by its columns, in whatever order they come", () => {
  const { state } = play(snap(5, { cols: { ...COLS, l: ["mode", "down", "up"] }, l: [1, 7, 8] }));
  expect(state?.link).toEqual({ mode: 1, down: 7, up: 8 });
  expect(state?.classes[1]).toEqual({ down: 90, up: 19, drops_total: 7 });
  expect(state?.devices.get(2)).toMatchObject({
    down: 40,
    up: 15,
    mainClass: 1,
    priority: 5,
    heldDown: true,
    heldUp: true,
    getsDown: 5,
  });
  expect(state?.devices.get(1)).toMatchObject({ heldDown: false, isNew: false });
});

test("a delta changes what it names and nothing else", () => {
  const { state, asked } = play(
    snap(5),
    delta(6, { l: [101, 21, 2], c: [[11, 91], [], []], dv: dv([2, 0, 0, -1, 5, 4]) }),
  );
  expect(asked).toEqual([]);
  expect(state?.link.down).toBe(101);
  expect(state?.classes).toEqual([
    { down: 11, up: 1, drops_total: 0 },
    { down: 91, up: 19, drops_total: 7 },
  ]);
  expect(state?.devices.get(1)?.down).toBe(60);
  expect(state?.devices.get(2)).toMatchObject({
    down: 0,
    mainClass: -1,
    heldDown: false,
    isNew: true,
    activeAt: 1_003_000,
  });
});

test("the state before is left as it was", () => {
  const before = play(snap(5)).state as LiveState;
  const copy = structuredClone({ link: before.link, devices: before.devices });
  advance(before, delta(6, { l: [1, 2, 0], dv: dv([1, 9, 9, 2, 1, 1]), rm: [2] }));
  expect(before.link).toEqual(copy.link);
  expect(before.devices).toEqual(copy.devices);
});

describe("a missing frame", () => {
  test("asks for a snap and changes nothing until it comes", () => {
    const { state, asked } = play(snap(5), delta(7, { l: [999, 999, 0] }), delta(8, { l: [999, 999, 0] }));
    expect(asked).toEqual([1, 2]);
    expect(state?.q).toBe(5);
    expect(state?.link.down).toBe(100);
  });

  test("is healed by the snap", () => {
    const { state, asked } = play(snap(5), delta(7), snap(9), delta(10, { l: [3, 4, 2] }));
    expect(asked).toEqual([1]);
    expect(state).toMatchObject({ q: 10, link: { down: 3 } });
  });

  test("a repeated frame is one too", () => {
    expect(play(snap(5), delta(6), delta(6)).asked).toEqual([2]);
  });

  test("so is a delta before any snap", () => {
    expect(play(delta(1))).toEqual({ state: undefined, asked: [0] });
  });

  test("so is a row of a device nobody named", () => {
    expect(play(snap(5), delta(6, { dv: dv([9, 1, 1, 0, 3, 0]) })).asked).toEqual([1]);
  });
});

test("devices come by events and go by `rm`", () => {
  const { state, asked } = play(
    snap(5),
    { t: "ev", k: "device", device: device(3, "three") },
    delta(6, { dv: dv([3, 7, 0, 4, 3, 4]), rm: [1] }),
    { t: "ev", k: "device", device: { ...device(2, "renamed"), priority: 1 } },
  );
  expect(asked).toEqual([]);
  expect([...(state?.devices.keys() ?? [])]).toEqual([2, 3]);
  expect(state?.devices.get(3)?.down).toBe(7);
  expect(state?.devices.get(2)).toMatchObject({ down: 40, priority: 1, info: { name: "renamed" } });
});

test("decisions are kept once, the newest first, and not without end", () => {
  const decision = (id: number) =>
    ({ t: "ev", k: "decision", decision: { id, at_ms: id, sentence: "" } }) as unknown as ServerFrame;
  const { state } = play(snap(5), ...Array.from({ length: 300 }, (_, i) => decision(i)), decision(299));
  expect(state?.decisions.length).toBe(200);
  expect(state?.decisions.slice(0, 2).map((d) => d.id)).toEqual([299, 298]);
});

test("an alert that ended is open no more", () => {
  const alert = (id: number, ended_ms?: number) =>
    ({ t: "ev", k: "alert", alert: { id, ended_ms } }) as unknown as ServerFrame;
  expect(play(snap(5), alert(1), alert(2), alert(1, 9)).state?.alerts.map((a) => a.id)).toEqual([2]);
});

test("frames of a later version are passed over", () => {
  const { state, asked } = play(snap(5), { t: "ev", k: "comet" } as unknown as ServerFrame);
  expect(asked).toEqual([]);
  expect(state?.q).toBe(5);
});
