// The public contract, by its names. `wire.d.ts` is generated from `docs/openapi.json` (`cargo xtask codegen`); where a
// string is really a choice, it is narrowed here, once. Rates of REST are bit/s, those of the live socket kbit/s.

import type { components } from "./wire";

type Schemas = components["schemas"];

export type Mode = "observe" | "suggest" | "control";
export type State = "fine" | "busy" | "strained" | "down";

export type Alert = Schemas["Alert"];
export type CapacitySearch = NonNullable<NonNullable<Schemas["LinkStatus"]["search"]>["download"]>;
export type ChangeEffect = Schemas["ChangeEffect"];
export type ClientFrame = Schemas["ClientFrame"];
export type Columns = Schemas["Columns"];
export type Decision = Schemas["Decision"];
export type Device = Schemas["Device"];
export type DeviceChange = Schemas["DeviceChange"];
export type DeviceEffect = Schemas["DeviceEffect"];
export type Flow = Schemas["Flow"];
export type Grade = Schemas["Grade"];
export type History = Schemas["History"];
export type Outlook = Omit<Schemas["Outlook"], "quota"> & { quota?: QuotaOutlook };
export type PolicyView = Schemas["PolicyView"];
export type Problem = Schemas["Problem"];
export type Reclassify = Schemas["Reclassify"];
export type Rule = Schemas["Rule"];
export type RuleChange = Schemas["RuleChange"];
export type ServerFrame = Schemas["ServerFrame"];
export type SessionState = Schemas["SessionState"];
export type Snap = Schemas["Snap"];
export type VolumeBand = Schemas["VolumeBand"];
export type Why = Schemas["Why"];

/** Absent and `null` mean the same: it is not foreseen. */
export type QuotaOutlook = Omit<Schemas["QuotaOutlook"], "at_end" | "earliest_ms" | "likely_ms" | "latest_ms"> & {
  at_end?: VolumeBand;
  earliest_ms?: number;
  likely_ms?: number;
  latest_ms?: number;
};

/** `off`, `on` or `failed`. */
export type Shaping = "off" | "on" | "failed";

export type LinkStatus = Omit<Schemas["LinkStatus"], "shaping"> & { shaping: Shaping };
export type Status = Omit<Schemas["Status"], "mode" | "state" | "links"> & {
  mode: Mode;
  state: State;
  links: LinkStatus[];
};

/** The sub-protocol both sides of the live socket must name. */
export const PROTOCOL = "equalnet.v1";
