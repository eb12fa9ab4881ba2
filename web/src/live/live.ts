// The one owner of live data: keeps the socket open, puts frames into state and rings, tells readers at most once a frame.

import { useSyncExternalStore } from "react";
import { api } from "../api";
import { type ClientFrame, PROTOCOL, type ServerFrame } from "../contract";
import { retryDelayMs } from "./retry";
import { DEVICE_STEP_MS, Series } from "./series";
import { advance, type LiveState } from "./state";

export type Connection =
  /** The first attempt has not been answered yet. */
  | { kind: "connecting" }
  | { kind: "live" }
  /** Lost; `lostAt` and `retryAt` on `performance.now()`'s clock. */
  | { kind: "lost"; lostAt: number; retryAt: number };

/** Older than this, values are grey and say so. */
export const STALE_MS = 3000;
/** A gap longer than this is filled from history. */
const GAP_MS = 2500;
const CHANNELS = ["link", "classes", "devices"];
const CLASS_HISTORY_MS = 15 * 60_000;
const DEVICE_HISTORY_MS = 5 * 60_000;

class Live {
  /** What came. */
  private newest: LiveState | undefined;
  /** What is shown: the newest, unless somebody paused. */
  private shown: LiveState | undefined;
  readonly series = new Series();
  private paused = false;
  /** Server time at which drawing was paused. */
  private pausedAt = 0;
  private connection: Connection = { kind: "connecting" };
  private socket: WebSocket | undefined;
  private wanted = false;
  private attempt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private build: string | undefined;
  private askedSnap = false;
  /** Server time minus `performance.now()`. */
  private clockOffset: number | undefined;
  /** `performance.now()` of the newest frame. */
  private frameAt = 0;
  private readonly readers = new Set<() => void>();
  private pending = false;
  private onSignedOut = () => {};

  start(onSignedOut: () => void) {
    this.onSignedOut = onSignedOut;
    if (this.wanted) return;
    this.wanted = true;
    this.connect();
    window.addEventListener("online", this.retryNow);
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  /** After signing out: forgets everything that was shown. */
  stop() {
    this.wanted = false;
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = undefined;
    this.newest = undefined;
    this.shown = undefined;
    this.connection = { kind: "connecting" };
    window.removeEventListener("online", this.retryNow);
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.tell();
  }

  readonly subscribe = (reader: () => void) => {
    this.readers.add(reader);
    return () => {
      this.readers.delete(reader);
    };
  };

  state(): LiveState | undefined {
    return this.shown;
  }

  getConnection(): Connection {
    return this.connection;
  }

  /** How old the newest frame is, ms. */
  ageMs(): number {
    return this.frameAt === 0 ? 0 : performance.now() - this.frameAt;
  }

  /** Now on the server's clock, ms; while paused, when the pause began. */
  now(): number {
    return this.paused ? this.pausedAt : this.serverNow();
  }

  /** Now on the server's clock, pause or not. */
  serverNow(): number {
    return this.clockOffset === undefined ? Date.now() : performance.now() + this.clockOffset;
  }

  isPaused(): boolean {
    return this.paused;
  }

  setPaused(paused: boolean) {
    if (paused === this.paused) return;
    this.pausedAt = this.serverNow();
    this.paused = paused;
    if (!paused) this.shown = this.newest;
    this.tell();
  }

  /** Asks for everything again, after a change whose effect a delta does not carry. */
  refresh() {
    this.send({ t: "snap" });
  }

  readonly retryNow = () => {
    if (!this.wanted || this.socket !== undefined) return;
    clearTimeout(this.timer);
    this.connect();
  };

  private readonly onVisibility = () => {
    if (document.visibilityState === "visible") {
      this.retryNow();
      // Answered with everything, which also fills the gap.
      this.send({ t: "sub", ch: CHANNELS, hz: 2 });
    } else {
      this.send({ t: "unsub", ch: CHANNELS });
    }
  };

  private connect() {
    this.timer = undefined;
    const url = new URL("/api/v1/live", window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url, PROTOCOL);
    this.socket = socket;
    socket.onopen = () => {
      this.askedSnap = false;
      this.send({ t: "sub", ch: CHANNELS, hz: 2 });
    };
    socket.onmessage = (message) => this.receive(JSON.parse(message.data as string) as ServerFrame);
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      if (this.wanted) this.lose(event.code);
    };
  }

  private lose(code: number) {
    if (code === 4401) {
      this.onSignedOut();
      return;
    }
    const now = performance.now();
    const lostAt = this.connection.kind === "lost" ? this.connection.lostAt : now;
    const delay = retryDelayMs(this.attempt, Math.random());
    this.attempt += 1;
    this.connection = { kind: "lost", lostAt, retryAt: now + delay };
    this.timer = setTimeout(() => this.connect(), delay);
    this.tell();
    // A refused upgrade has no reason a page may read: the session may have ended. `api` then signs out.
    api.status().catch(() => undefined);
  }

  private receive(frame: ServerFrame) {
    if (frame.t === "hello") {
      // The page belongs to another build: load the one that fits.
      if (this.build !== undefined && this.build !== frame.build) window.location.reload();
      this.build = frame.build;
      return;
    }
    const before = this.newest;
    const { state, askSnap } = advance(before, frame);
    if (askSnap && !this.askedSnap) {
      this.askedSnap = true;
      this.send({ t: "snap" });
    }
    if (state === before) return;
    this.newest = state;
    if (!this.paused) this.shown = state;
    if (state !== undefined && frame.t !== "ev") {
      this.frameAt = performance.now();
      this.follow(state.ts);
      this.series.observe(state);
      if (frame.t === "snap") {
        this.askedSnap = false;
        this.attempt = 0;
        this.connection = { kind: "live" };
        if (before === undefined || state.ts - before.ts > GAP_MS) this.backfill();
      } else if (before !== undefined && before.link.mode !== state.link.mode) {
        // The mode is in the status too, and that comes with a snap only.
        this.refresh();
      }
    }
    this.tell();
  }

  /** Follows the server's clock: at once when it is ahead of what we think, slowly when frames come late. */
  private follow(ts: number) {
    const offset = ts - performance.now();
    if (this.clockOffset === undefined || offset > this.clockOffset || offset < this.clockOffset - 5000) {
      this.clockOffset = offset;
    } else {
      this.clockOffset += (offset - this.clockOffset) * 0.02;
    }
  }

  /** Fills the charts from history. */
  private async backfill() {
    const to = this.serverNow();
    const numbers = new Map<string, number>();
    for (const [number, device] of this.newest?.devices ?? []) numbers.set(device.info.id, number);
    const quietly = () => undefined;
    const [classes, devices] = await Promise.all([
      api.history(to - CLASS_HISTORY_MS, to, 1000, "classes").catch(quietly),
      // The devices that moved most; the sparklines of the others fill from now on.
      api.history(to - DEVICE_HISTORY_MS, to, DEVICE_STEP_MS, "devices").catch(quietly),
    ]);
    if (classes) this.series.fillClasses(classes);
    if (devices) this.series.fillDevices(devices, numbers);
    this.tell();
  }

  private send(frame: ClientFrame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  private tell() {
    if (this.pending) return;
    this.pending = true;
    // A hidden page draws no frames: `setTimeout` there, so that the title and alerts still follow.
    const act = () => {
      this.pending = false;
      for (const reader of this.readers) reader();
    };
    if (document.visibilityState === "visible") requestAnimationFrame(act);
    else setTimeout(act, 0);
  }
}

export const live = new Live();

/** A part of the live state; the component draws again when that part is another value. */
export function useLive<T>(select: (state: LiveState | undefined) => T): T {
  return useSyncExternalStore(live.subscribe, () => select(live.state()));
}

export function useConnection(): Connection {
  return useSyncExternalStore(live.subscribe, () => live.getConnection());
}

export function usePaused(): boolean {
  return useSyncExternalStore(live.subscribe, () => live.isPaused());
}
