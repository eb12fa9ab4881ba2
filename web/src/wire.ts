// The public contract as this page uses it: bodies of REST and of the live socket under `/api/v1`.
// Rates of REST are bit/s, those of the live socket kbit/s; volumes are bytes; times are ms since 1970 UTC.

export interface Directed<T> {
  download: T;
  upload: T;
}

export type Mode = "observe" | "suggest" | "control";
export type State = "fine" | "busy" | "strained" | "down";

export interface Problem {
  status: number;
  code: string;
  title: string;
  detail?: string;
}

export interface SessionState {
  user: string;
  csrf: string;
  expires_ms: number;
}

export interface ForecastCurve {
  p50: number[];
  p90: number[];
  p99: number[];
  mean15: number[];
  model: string;
  learning: boolean;
}

export interface ClassStatus {
  class: string;
  usage: Directed<number>;
  forecast: Directed<ForecastCurve | null>;
  reserved: Directed<number>;
  backlog: Directed<number>;
  drops: Directed<number>;
  drops_total: Directed<number>;
  flows: number;
}

export interface LinkStatus {
  id: number;
  name: string;
  interfaces: string[];
  line_rate: Directed<number>;
  capacity: Directed<number>;
  usage: Directed<number>;
  forecast: Directed<ForecastCurve | null>;
  shaping: "off" | "on" | "failed";
  shaping_detail?: string;
  plans_applied: number;
  classes: ClassStatus[];
}

export interface Status {
  version: string;
  at_ms: number;
  started_ms: number;
  mode: Mode;
  source: string;
  state: State;
  sentence: string;
  links: LinkStatus[];
  devices_known: number;
  devices_active: number;
  devices_held: number;
  hit_permille?: number;
}

export interface Hold {
  demand: number;
  rate: number;
  limited_by: string;
  sentence: string;
}

export interface Device {
  id: string;
  number: number;
  name: string;
  mac: string;
  addresses: string[];
  vendor: string;
  kind: string;
  first_seen_ms: number;
  last_seen_ms: number;
  priority: number;
  weight: number;
  guarantee: Directed<string>;
  ceiling: Directed<number | null>;
  usage: Directed<number>;
  classes: { class: string; usage: Directed<number> }[];
  main_class: string;
  forecast: Directed<ForecastCurve | null>;
  gets: Directed<number | null>;
  hold: Directed<Hold | null>;
  volume_today: Directed<number>;
  flows: number;
}

export interface Subject {
  kind: "service" | "link" | "class" | "device" | "aggregate";
  device?: string;
  name?: string;
  class?: string;
}

export interface Decision {
  id: number;
  at_ms: number;
  kind: string;
  subject: Subject;
  direction?: "download" | "upload";
  from: number;
  to: number;
  because: ({ k: string } & Record<string, unknown>)[];
  parts: [string, number][];
  by: string;
  sentence: string;
}

export interface Why {
  subject: Subject;
  what: string;
  why: string[];
  parts: [string, number][];
  decisions: Decision[];
}

export interface Alert {
  id: number;
  at_ms: number;
  severity: "info" | "warning" | "critical";
  kind: string;
  subject: Subject;
  count: number;
  ended_ms?: number;
  sentence: string;
}

export interface DeviceChange {
  name?: string;
  priority?: number;
  weight?: number;
  guarantee?: Directed<string>;
  ceiling?: Directed<string>;
}

export interface DeviceEffect {
  id: string;
  name: string;
  before: Directed<number>;
  after: Directed<number>;
}

export interface ChangeEffect {
  applied: boolean;
  devices: DeviceEffect[];
  undo?: DeviceChange;
}

export interface PolicyView {
  mode: Mode;
  levels: number;
  default_priority: number;
  minimum: Directed<string>;
  protected_permille: number;
  early_yield_permille: number;
}

export interface History {
  t0_ms: number;
  step_ms: number;
  series: Record<string, (number | null)[]>;
}

// ---- the live socket, sub-protocol `equalnet.v1` ----

export interface Columns {
  l: string[];
  c: string[];
  dv: string[];
}

export interface Hello {
  t: "hello";
  v: number;
  build: string;
  session: string;
  hz: number;
}

export interface Snap {
  t: "snap";
  q: number;
  ts: number;
  cols: Columns;
  status: Status;
  devices: Device[];
  l: number[];
  c: number[][];
  dv: number[][];
  decisions: Decision[];
  alerts: Alert[];
}

export interface Delta {
  t: "d";
  q: number;
  ts: number;
  l?: number[];
  c?: number[][];
  dv?: number[][];
  rm?: number[];
}

export type Event = { t: "ev" } & (
  | { k: "decision"; decision: Decision }
  | { k: "alert"; alert: Alert }
  | { k: "device"; device: Device }
);

export type ServerFrame = Hello | Snap | Delta | Event;

export type ClientFrame =
  | { t: "sub"; ch: string[]; hz?: number }
  | { t: "unsub"; ch: string[] }
  | { t: "hz"; hz: number }
  | { t: "snap" };

export const PROTOCOL = "equalnet.v1";
