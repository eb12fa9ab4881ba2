// What the live socket has said so far, as one immutable value: a frame and the state before give the state after.

import type { Alert, Columns, Decision, Device, ServerFrame, Snap, Status } from "../contract";

/** The columns of one class or link, by name; kbit/s, bytes or counts as the contract says; -1 is "not known". */
export type Row = Readonly<Record<string, number>>;

/** One device: what stays, and what moves. */
export interface DeviceNow {
  info: Device;
  down: number;
  up: number;
  p50Down: number;
  p90Down: number;
  p50Up: number;
  p90Up: number;
  getsDown: number;
  getsUp: number;
  /** Index of its main class, -1 for none. */
  mainClass: number;
  priority: number;
  heldDown: boolean;
  heldUp: boolean;
  isNew: boolean;
  /** When it last moved something, ms; kept here because frames carry only rates. */
  activeAt: number;
}

export interface LiveState {
  /** Number of the newest frame; -1 before the first snap. */
  q: number;
  /** Time of the newest frame, ms. */
  ts: number;
  status: Status;
  cols: Columns;
  link: Row;
  classes: readonly Row[];
  devices: ReadonlyMap<number, DeviceNow>;
  /** Newest first. */
  decisions: readonly Decision[];
  /** Newest first. */
  alerts: readonly Alert[];
}

export interface Step {
  state: LiveState | undefined;
  /** Whether a frame is missing and the server must send everything again. */
  askSnap: boolean;
}

/** More than anybody scrolls through; the journal itself is the server's. */
const DECISIONS_KEPT = 200;

/** A frame on top of a state. A delta that does not follow its forerunner changes nothing and asks for a snap. */
export function advance(state: LiveState | undefined, frame: ServerFrame): Step {
  switch (frame.t) {
    case "hello":
      return { state, askSnap: false };
    case "snap":
      return { state: fromSnap(frame, state), askSnap: false };
    case "d": {
      if (state === undefined || frame.q !== state.q + 1) return { state, askSnap: true };
      let devices = state.devices;
      if (frame.dv && frame.dv.length > 0) {
        const next = new Map(devices);
        const unknown = mergeDevices(next, state.cols.dv, frame.dv, frame.ts);
        // A row for a device whose name never came: its event was missed.
        if (unknown) return { state, askSnap: true };
        devices = next;
      }
      if (frame.rm && frame.rm.length > 0) {
        const next = new Map(devices);
        for (const number of frame.rm) next.delete(number);
        devices = next;
      }
      return {
        state: {
          ...state,
          q: frame.q,
          ts: frame.ts,
          link: frame.l && frame.l.length > 0 ? named(state.cols.l, frame.l) : state.link,
          classes: frame.c && frame.c.length > 0 ? mergeClasses(state.classes, state.cols.c, frame.c) : state.classes,
          devices,
        },
        askSnap: false,
      };
    }
    case "ev":
      return { state: state && withEvent(state, frame), askSnap: false };
  }
}

function fromSnap(snap: Snap, before: LiveState | undefined): LiveState {
  const devices = new Map<number, DeviceNow>();
  for (const info of snap.devices) {
    const known = before?.devices.get(info.number);
    devices.set(info.number, quiet(info, Math.max(info.last_seen_ms, known?.activeAt ?? 0)));
  }
  mergeDevices(devices, snap.cols.dv, snap.dv, snap.ts);
  return {
    q: snap.q,
    ts: snap.ts,
    // The contract writes its choices as strings; `contract.ts` narrows them.
    status: snap.status as Status,
    cols: snap.cols,
    link: named(snap.cols.l, snap.l),
    classes: mergeClasses([], snap.cols.c, snap.c),
    devices,
    decisions: snap.decisions.slice(0, DECISIONS_KEPT),
    alerts: snap.alerts,
  };
}

/** A device that moves nothing. */
function quiet(info: Device, activeAt: number): DeviceNow {
  return {
    info,
    down: 0,
    up: 0,
    p50Down: -1,
    p90Down: -1,
    p50Up: -1,
    p90Up: -1,
    getsDown: -1,
    getsUp: -1,
    mainClass: -1,
    priority: info.priority,
    heldDown: false,
    heldUp: false,
    isNew: false,
    activeAt,
  };
}

function named(names: readonly string[], values: readonly number[]): Row {
  const row: Record<string, number> = {};
  names.forEach((name, i) => {
    row[name] = values[i] ?? -1;
  });
  return row;
}

function mergeClasses(before: readonly Row[], names: readonly string[], columns: readonly number[][]): Row[] {
  const count = Math.max(before.length, ...columns.map((column) => column.length), 0);
  const rows: Record<string, number>[] = Array.from({ length: count }, (_, i) => ({ ...before[i] }));
  names.forEach((name, column) => {
    // An empty column is as it was.
    columns[column]?.forEach((value, i) => {
      const row = rows[i];
      if (row) row[name] = value;
    });
  });
  return rows;
}

const HELD_DOWN = 1;
const HELD_UP = 2;
const NEW = 4;

/** Writes the rows of `columns` into `devices`; tells whether one of them is not known. */
function mergeDevices(
  devices: Map<number, DeviceNow>,
  names: readonly string[],
  columns: readonly number[][],
  ts: number,
): boolean {
  const column = (name: string) => columns[names.indexOf(name)] ?? [];
  const numbers = column("n");
  const [down, up, gd, gu] = [column("down"), column("up"), column("gets_down"), column("gets_up")];
  const [p50d, p90d, p50u, p90u] = [column("p50_down"), column("p90_down"), column("p50_up"), column("p90_up")];
  const [mainClass, priority, flags] = [column("class"), column("priority"), column("flags")];
  let unknown = false;
  numbers.forEach((number, i) => {
    const device = devices.get(number);
    if (device === undefined) {
      unknown = true;
      return;
    }
    const flag = flags[i] ?? 0;
    const moves = (down[i] ?? 0) > 0 || (up[i] ?? 0) > 0;
    devices.set(number, {
      info: device.info,
      down: down[i] ?? 0,
      up: up[i] ?? 0,
      p50Down: p50d[i] ?? -1,
      p90Down: p90d[i] ?? -1,
      p50Up: p50u[i] ?? -1,
      p90Up: p90u[i] ?? -1,
      getsDown: gd[i] ?? -1,
      getsUp: gu[i] ?? -1,
      mainClass: mainClass[i] ?? -1,
      priority: priority[i] ?? device.priority,
      heldDown: (flag & HELD_DOWN) !== 0,
      heldUp: (flag & HELD_UP) !== 0,
      isNew: (flag & NEW) !== 0,
      // The frame in which it fell silent still belongs to its activity.
      activeAt: moves || device.down > 0 || device.up > 0 ? ts : device.activeAt,
    });
  });
  return unknown;
}

function withEvent(state: LiveState, event: Extract<ServerFrame, { t: "ev" }>): LiveState {
  switch (event.k) {
    case "decision": {
      const others = state.decisions.filter((d) => d.id !== event.decision.id);
      return { ...state, decisions: [event.decision, ...others].slice(0, DECISIONS_KEPT) };
    }
    case "alert": {
      const others = state.alerts.filter((a) => a.id !== event.alert.id);
      return {
        ...state,
        alerts: (event.alert.ended_ms ?? undefined) === undefined ? [event.alert, ...others] : others,
      };
    }
    case "device": {
      const devices = new Map(state.devices);
      const known = devices.get(event.device.number);
      devices.set(
        event.device.number,
        known
          ? { ...known, info: event.device, priority: event.device.priority }
          : quiet(event.device, event.device.last_seen_ms),
      );
      return { ...state, devices };
    }
    default:
      // A kind of event younger than this page.
      return state;
  }
}
