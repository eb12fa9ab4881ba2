// A DEVELOPMENT TOOL, never shipped: a simulated household behind the public contract, so that pages can be drawn
// without the daemon. It also serves `dist` with the daemon's Content-Security-Policy.
//
//   node dev/household.mjs [--port 8099] [--devices 14] [--capacity 120] [--mode control] [--fresh] [--password equalnet]

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { WebSocketServer } from "ws";

const args = Object.fromEntries(
  process.argv
    .slice(2)
    .flatMap((word, i, all) => (word.startsWith("--") ? [[word.slice(2), all[i + 1] ?? "yes"]] : [])),
);
const PORT = Number(args.port ?? 8099);
const PASSWORD = args.password ?? "equalnet";
const FRESH = "fresh" in args;
const DIST = new URL("../dist", import.meta.url).pathname;
const CLASSES = "voice call gaming interactive web streaming work download backup update unclassified".split(" ");
const SUBSET = 4; // protected
const CAP = { download: Number(args.capacity ?? 120) * 1000, upload: 20_000 }; // kbit/s
const WAYS = ["download", "upload"];
let mode = args.mode ?? "control";
const started = Date.now() - (FRESH ? 0 : 3_600_000);

// ---- who is there: [name, kind, vendor, priority, {class: [down, up, wildness, period s]}] kbit/s
const HOUSEHOLD = [
  [
    "Anna's laptop",
    "laptop",
    "Apple",
    2,
    {
      call: [3600, 3200, 0.15, 0],
      web: [9000, 600, 0.9, 23],
      work: [4200, 900, 0.4, 41],
      interactive: [240, 160, 0.5, 0],
    },
  ],
  ["Living-room TV", "tv", "Samsung", 3, { streaming: [24000, 350, 0.25, 37], update: [900, 20, 0.8, 90] }],
  ["NAS", "nas", "Synology", 5, { backup: [42000, 11000, 0.2, 300], download: [6000, 200, 0.5, 120] }],
  [
    "Ben's desktop",
    "computer",
    "ASUSTek",
    3,
    {
      gaming: [1900, 800, 0.2, 0],
      voice: [96, 96, 0.05, 0],
      download: [48000, 700, 0.3, 170],
      web: [3000, 200, 0.9, 31],
    },
  ],
  ["Anna's phone", "phone", "Apple", 3, { streaming: [6500, 120, 0.5, 29], web: [2500, 200, 0.9, 19] }],
  ["Ben's phone", "phone", "Google", 3, { web: [3100, 240, 0.9, 27], streaming: [4200, 90, 0.6, 53] }],
  ["Kitchen tablet", "tablet", "Samsung", 3, { streaming: [3900, 80, 0.4, 43] }],
  ["Games console", "console", "Sony", 4, { update: [30000, 300, 0.3, 210] }],
  ["Work phone", "phone", "Apple", 2, { voice: [110, 110, 0.05, 0], work: [500, 300, 0.7, 60] }],
  ["Doorbell", "camera", "Espressif", 3, { unclassified: [40, 900, 0.3, 80] }],
  ["Printer", "printer", "HP", 4, { interactive: [6, 6, 0.9, 45] }],
  ["Thermostat", "sensor", "Espressif", 4, { update: [12, 4, 0.9, 120] }],
  ["Guest phone", "phone", "Xiaomi", 4, { web: [5200, 500, 0.9, 33], unclassified: [2400, 300, 0.7, 48] }],
  ["ESP-3F21", "", "Espressif", 3, { interactive: [8, 8, 0.8, 61] }],
];
const wanted = Number(args.devices ?? HOUSEHOLD.length);
const devices = Array.from({ length: wanted }, (_, i) => {
  const [name, kind, vendor, priority, classes] = HOUSEHOLD[i % HOUSEHOLD.length];
  const copy = Math.floor(i / HOUSEHOLD.length);
  const shrink = copy === 0 ? 1 : 0.02;
  const mac = `a4:5e:60:00:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")}`;
  return {
    number: i + 1,
    id: mac,
    mac,
    name: copy === 0 ? name : `${name} ${copy + 1}`,
    kind,
    vendor,
    priority,
    first: i === wanted - 1 ? Date.now() - 600_000 : Date.now() - 90 * 86_400_000,
    addresses: [`192.168.1.${20 + (i % 200)}`, `fd00::${(20 + i).toString(16)}`],
    flows: Object.entries(classes).map(([word, [down, up, wild, period]]) => ({
      class: CLASSES.indexOf(word),
      base: { download: down * shrink, upload: up * shrink },
      wild,
      period,
      phase: (i * 7919) % 97,
      noise: 0,
      want: { download: 0, upload: 0 },
      rate: { download: 0, upload: 0 },
    })),
    want: { download: 0, upload: 0 },
    rate: { download: 0, upload: 0 },
    gets: { download: 0, upload: 0 },
    mean: { download: 0, upload: 0 },
    spread: { download: 0, upload: 0 },
    today: { download: ((i * 7919) % 40) * 4e8, upload: ((i * 104729) % 30) * 5e7 },
    last: Date.now(),
    held: { download: false, upload: false },
  };
});
let seed = 42;
const random = () => (seed = (seed * 1664525 + 1013904223) >>> 0) / 2 ** 32;

/** Max-min fair by priority tiers; protected classes first. */
function divide(way, want, capacity) {
  const rate = new Map();
  let left = capacity;
  const fill = (claims) => {
    const open = claims.filter((c) => c.want > 0).sort((a, b) => a.want - b.want);
    open.forEach((c, i) => {
      const got = Math.min(c.want, left / (open.length - i));
      rate.set(c.key, (rate.get(c.key) ?? 0) + got);
      left -= got;
    });
  };
  fill(devices.flatMap((d) => d.flows.filter((f) => f.class < SUBSET).map((f) => ({ key: f, want: want(f, way) }))));
  const floor = Math.min(capacity * 0.02, left / devices.length);
  for (let tier = 1; tier <= 10; tier += 1) {
    const claims = devices
      .filter((d) => d.priority === tier)
      .map((d) => ({
        key: d,
        want: d.flows.filter((f) => f.class >= SUBSET).reduce((sum, f) => sum + want(f, way), 0),
      }));
    const later = devices.filter((d) => d.priority > tier).length * floor;
    left -= later;
    fill(claims);
    left += later;
    for (const { key: d } of claims) {
      let rest = rate.get(d) ?? 0;
      for (const f of d.flows.filter((f) => f.class >= SUBSET).sort((a, b) => a.class - b.class)) {
        const got = Math.min(want(f, way), rest);
        rate.set(f, got);
        rest -= got;
      }
    }
  }
  return rate;
}

/** An evening peak, more on Saturdays, a quota that ends before its month; a device that is new is still learning. */
function outlookBody(id) {
  const d = id === null ? undefined : devices.find((known) => known.id === id);
  const size = d ? (d.number % 5) / 8 + 0.05 : 1;
  const usual = (slot) => size * 1e9 * (0.4 + 6 * Math.exp(-(((slot % 24) - 20.5) ** 2) / 6) * (slot >= 120 ? 1.4 : 1));
  const from = Math.ceil(Date.now() / 3.6e6) * 3.6e6;
  const offset = -new Date().getTimezoneOffset() * 60;
  const slotAt = (ms) => Math.floor((ms / 1000 + offset) / 3600 + 72) % 168;
  const band = (bytes) => ({ p10: k(bytes * 0.5), p50: k(bytes), p90: k(bytes * 1.6) });
  const way = (part) => {
    const hours = Array.from({ length: 24 }, (_, i) => band(part * usual(slotAt(from + i * 3.6e6))));
    const sum = hours.reduce((all, hour) => all + hour.p50, 0);
    return {
      season: "hours_of_week",
      hours,
      day: { p10: k(sum * 0.8), p50: k(sum), p90: k(sum * 1.2) },
      busy: {
        usual: Array.from({ length: 168 }, (_, slot) => k(part * usual(slot))),
        busiest: [
          { from: 140, hours: 2, usual: k(part * usual(140)) },
          { from: 164, hours: 2, usual: k(part * usual(164)) },
          { from: 20, hours: 2, usual: k(part * usual(20)) },
        ],
      },
    };
  };
  const none = { season: "learning", hours: [], busy: { usual: [], busiest: [] } };
  const fresh = FRESH || (d && Date.now() - d.first < 86_400_000);
  const day = 86_400_000;
  return {
    name: d?.name ?? "internet",
    at_ms: Date.now(),
    from_ms: from,
    utc_offset_s: offset,
    recorded_hours: fresh ? 1 : 1240,
    download: fresh ? none : way(0.9),
    upload: fresh ? none : way(0.1),
    both: fresh ? none : way(1),
    ...(id === null && !fresh
      ? {
          quota: {
            volume: 1.5e12,
            resets: 1,
            from_ms: from - 20 * day,
            to_ms: from + 10 * day,
            used: 1.1e12,
            missing_s: 7300,
            at_end: { p10: 1.55e12, p50: 1.62e12, p90: 1.71e12 },
            runs_out: "expected",
            earliest_ms: from + 6 * day,
            likely_ms: from + 7 * day,
            latest_ms: from + 9 * day,
          },
        }
      : {}),
  };
}

const history = []; // one a second: {at, classes: {download, upload}, devices}
const classMean = WAYS.reduce((o, w) => ({ ...o, [w]: new Float64Array(11) }), {});
const classSpread = WAYS.reduce((o, w) => ({ ...o, [w]: new Float64Array(11) }), {});
const linkMean = { download: 0, upload: 0 };
const linkSpread = { download: 0, upload: 0 };
let steps = 0;

function second(at) {
  steps += 1;
  const t = at / 1000;
  for (const d of devices) {
    for (const f of d.flows) {
      f.noise = f.noise * 0.88 + (random() - 0.5) * f.wild * 0.6;
      const wave =
        f.period === 0 ? 1 : Math.max(0, Math.sin((2 * Math.PI * (t + f.phase)) / (f.period * 4)) + 0.35) / 1.1;
      for (const w of WAYS) f.want[w] = Math.max(0, f.base[w] * (wave + f.noise));
    }
  }
  for (const w of WAYS) {
    const shaped = divide(w, (f) => f.want[w], CAP[w]);
    const total = devices.flatMap((d) => d.flows).reduce((sum, f) => sum + f.want[w], 0);
    const squeeze = Math.min(1, CAP[w] / total);
    const classes = new Float64Array(11);
    for (const d of devices) {
      d.want[w] = d.flows.reduce((sum, f) => sum + f.want[w], 0);
      let planned = 0;
      for (const f of d.flows) {
        planned += shaped.get(f) ?? 0;
        f.rate[w] = mode === "control" ? (shaped.get(f) ?? 0) : f.want[w] * squeeze;
        classes[f.class] += f.rate[w];
      }
      d.rate[w] = d.flows.reduce((sum, f) => sum + f.rate[w], 0);
      d.held[w] = mode === "control" && d.want[w] > planned * 1.05 + 20;
      d.gets[w] = d.held[w] ? planned : planned + Math.max(0, CAP[w] - total) / devices.length;
      d.mean[w] += (d.want[w] - d.mean[w]) * 0.2;
      d.spread[w] += (Math.abs(d.want[w] - d.mean[w]) - d.spread[w]) * 0.1;
      d.today[w] += (d.rate[w] * 1000) / 8;
      if (d.rate[w] > 1) d.last = at;
    }
    for (let c = 0; c < 11; c += 1) {
      classMean[w][c] += (classes[c] - classMean[w][c]) * 0.15;
      classSpread[w][c] += (Math.abs(classes[c] - classMean[w][c]) - classSpread[w][c]) * 0.1;
    }
    linkMean[w] += (total - linkMean[w]) * 0.15;
    linkSpread[w] += (Math.abs(total - linkMean[w]) - linkSpread[w]) * 0.1;
    second[w] = classes;
  }
  history.push({
    at,
    download: Float64Array.from(second.download),
    upload: Float64Array.from(second.upload),
    devices: devices.map((d) => [d.rate.download, d.rate.upload]),
  });
  if (history.length > 3600) history.shift();
}

const decisions = [];
const wasHeld = new Map();
function decide(at) {
  for (const d of devices) {
    const since = wasHeld.get(d.number) ?? { held: false, at: 0 };
    if (d.held.download !== since.held && at - since.at > 20_000) {
      wasHeld.set(d.number, { held: d.held.download, at });
      const [from, to] = [d.want.download, d.gets.download].map((k) => (k / 1000).toFixed(1));
      add(
        at,
        d.held.download ? "held" : "released",
        { kind: "device", device: d.id, name: d.name },
        d.want.download,
        d.gets.download,
        d.held.download
          ? `${d.name} held to ${to} Mbit/s (wanted ${from}): the link is full and its priority is ${d.priority}.`
          : `${d.name} is no longer held: the link has room again.`,
        "auto",
      );
    }
  }
}
let decisionId = 9000;
function add(at, kind, subject, from, to, sentence, by) {
  const decision = {
    id: (decisionId += 1),
    at_ms: at,
    kind,
    subject,
    direction: "download",
    from: Math.round(from * 1000),
    to: Math.round(to * 1000),
    because: [{ k: "demand_over_capacity", demand: 131_000_000, capacity: 120_000_000 }],
    parts: [
      ["guarantee", 2_400_000],
      ["share", Math.max(0, Math.round(to * 1000) - 2_400_000)],
    ],
    by,
    sentence,
  };
  decisions.unshift(decision);
  decisions.length = Math.min(decisions.length, 200);
  for (const socket of sockets) socket.event({ t: "ev", k: "decision", decision });
}

const sockets = new Set();
{
  const now = Math.floor(Date.now() / 1000) * 1000;
  for (let at = now - (FRESH ? 3000 : 1_200_000); at <= now; at += 1000) {
    second(at);
    decide(at);
  }
}
setInterval(() => {
  const now = Math.floor(Date.now() / 1000) * 1000;
  for (let at = history.at(-1).at + 1000; at <= now; at += 1000) {
    second(at);
    decide(at);
  }
}, 100);

// ---- bodies
const learning = () => steps < 60;
const k = Math.round;
const quantiles = (mean, spread, now) => {
  if (learning()) return { p50: [-1, -1, -1], p90: [-1, -1, -1] };
  const at = (h) => now + (mean - now) * h;
  return {
    p50: [k(at(0.4)), k(at(0.75)), k(mean)],
    p90: [k(at(0.4) + spread * 0.9), k(at(0.75) + spread * 1.3), k(mean + spread * 1.9)],
  };
};
const sum = (list) => list.reduce((a, b) => a + b, 0);
const curve = (mean, spread, now) => {
  const q = quantiles(mean, spread, now);
  if (q.p50[0] < 0) return null;
  const wide = (list) => [now, ...list].map((v) => k(v * 1000));
  return {
    p50: wide(q.p50),
    p90: wide(q.p90),
    p99: wide(q.p90.map((v) => v * 1.1)),
    mean15: [q.p50[1], q.p90[1], q.p90[1]].map((v) => v * 1000),
    model: "seasonal",
    learning: false,
  };
};
const LINK =
  "down up cap_down cap_up p50_down_5 p50_down_15 p50_down_60 p90_down_5 p90_down_15 p90_down_60 p50_up_5 p50_up_15 p50_up_60 p90_up_5 p90_up_15 p90_up_60 active held state mode hit_permille".split(
    " ",
  );
const CLASS =
  "down up p50_down_5 p50_down_15 p50_down_60 p90_down_5 p90_down_15 p90_down_60 p50_up_5 p50_up_15 p50_up_60 p90_up_5 p90_up_15 p90_up_60 reserved_down reserved_up backlog_down backlog_up drops_down drops_up drops_total flows".split(
    " ",
  );
const DEVICE = "n down up p50_down p90_down p50_up p90_up gets_down gets_up class priority flags".split(" ");
const active = () => devices.filter((d) => Date.now() - d.last < 60_000).length;
const held = () => devices.filter((d) => d.held.download || d.held.upload).length;
const state = () => {
  const use = Math.max(...WAYS.map((w) => sum([...history.at(-1)[w]]) / CAP[w]));
  return use >= 0.85 ? 1 : 0;
};
function linkRow() {
  const [down, up] = WAYS.map((w) => sum([...history.at(-1)[w]]));
  const [qd, qu] = [
    quantiles(linkMean.download, linkSpread.download, down),
    quantiles(linkMean.upload, linkSpread.upload, up),
  ];
  return [
    k(down),
    k(up),
    CAP.download,
    CAP.upload,
    ...qd.p50,
    ...qd.p90,
    ...qu.p50,
    ...qu.p90,
    active(),
    held(),
    state(),
    ["observe", "suggest", "control"].indexOf(mode),
    learning() ? -1 : 912,
  ];
}
const drops = new Float64Array(11);
function classColumns() {
  const now = history.at(-1);
  const columns = CLASS.map(() => []);
  for (let c = 0; c < 11; c += 1) {
    const heldBack =
      mode === "control"
        ? sum(
            devices
              .flatMap((d) => d.flows)
              .filter((f) => f.class === c)
              .map((f) => Math.max(0, f.want.download - f.rate.download)),
          )
        : 0;
    const dropping = c >= SUBSET && heldBack > 2000 ? k(heldBack / 3000) : 0;
    drops[c] += dropping / 2;
    const [qd, qu] = WAYS.map((w) => quantiles(classMean[w][c], classSpread[w][c], now[w][c]));
    const reserved = mode === "control" && c < 7 ? k(classMean.download[c] * 1.1) : 0;
    const row = [
      k(now.download[c]),
      k(now.upload[c]),
      ...qd.p50,
      ...qd.p90,
      ...qu.p50,
      ...qu.p90,
      reserved,
      k(reserved / 6),
      k(Math.min(600_000, heldBack * 12)),
      k(heldBack > 0 ? 3000 : 0),
      dropping,
      0,
      k(drops[c]),
      k(now.download[c] / 900) + (now.download[c] > 0 ? 1 : 0),
    ];
    row.forEach((value, i) => columns[i].push(value));
  }
  return columns;
}
function deviceRow(d) {
  const q = (w) => (learning() ? [-1, -1] : [k(d.mean[w]), k(d.mean[w] + d.spread[w] * 1.6)]);
  const busiest = d.flows.reduce((a, b) => (b.rate.download + b.rate.upload > a.rate.download + a.rate.upload ? b : a));
  const moves = d.rate.download + d.rate.upload >= 1;
  return [
    d.number,
    k(d.rate.download),
    k(d.rate.upload),
    ...q("download"),
    ...q("upload"),
    k(d.gets.download),
    k(d.gets.upload),
    moves ? busiest.class : -1,
    d.priority,
    (d.held.download ? 1 : 0) | (d.held.upload ? 2 : 0) | (Date.now() - d.first < 3_600_000 ? 4 : 0),
  ];
}
const transpose = (rows) => DEVICE.map((_, i) => rows.map((row) => row[i]));
function deviceBody(d) {
  const both = (act) => ({ download: act("download"), upload: act("upload") });
  return {
    id: d.id,
    number: d.number,
    name: d.name,
    mac: d.mac,
    addresses: d.addresses,
    vendor: d.vendor,
    kind: d.kind,
    first_seen_ms: d.first,
    last_seen_ms: d.last,
    priority: d.priority,
    weight: 1,
    guarantee: { download: "10 %", upload: "10 %" },
    ceiling: { download: null, upload: null },
    usage: both((w) => k(d.rate[w] * 1000)),
    classes: d.flows.map((f) => ({ class: CLASSES[f.class], usage: both((w) => k(f.rate[w] * 1000)) })),
    main_class: CLASSES[deviceRow(d)[9]] ?? "",
    forecast: both((w) => curve(d.mean[w], d.spread[w], d.rate[w])),
    gets: both((w) => k(d.gets[w] * 1000)),
    hold: both((w) =>
      d.held[w] ? { demand: k(d.want[w] * 1000), rate: k(d.gets[w] * 1000), limited_by: "share", sentence: "" } : null,
    ),
    fare: {
      rtt_lan_ms: 1.2 + (d.number % 5),
      rtt_wan_ms: 14 + 6 * (d.number % 4),
      retransmitted_percent: (d.number % 3) / 10,
      grade:
        d.number % 3 === 0
          ? undefined
          : { grade: d.number % 2 ? "A" : "B", added_ms: 9 + 29 * ((d.number + 1) % 2), seconds: 34 },
    },
    volume_today: both((w) => k(d.today[w])),
    flows: d.flows.length * 3,
  };
}
function statusBody() {
  const now = history.at(-1);
  const both = (act) => ({ download: act("download"), upload: act("upload") });
  return {
    version: "0.1.0-household",
    at_ms: now.at,
    started_ms: started,
    mode,
    source: "file",
    state: ["fine", "busy", "strained", "down"][state()],
    sentence: "Simulated.",
    capture: {
      packets: 1,
      bytes: 1,
      flows: 1,
      dropped_kernel: 0,
      dropped_channel: 0,
      malformed: 0,
      flows_evicted: 0,
      verdicts_failed: 0,
    },
    links: [
      {
        id: 0,
        name: "home",
        interfaces: ["lan0", "wan0"],
        line_rate: both((w) => CAP[w] * 1050),
        capacity: both((w) => CAP[w] * 1000),
        usage: both((w) => k(sum([...now[w]]) * 1000)),
        forecast: both((w) => curve(linkMean[w], linkSpread[w], sum([...now[w]]))),
        shaping: mode === "control" ? "on" : "off",
        shaping_detail: "",
        plans_applied: steps,
        classes: [],
        search: {
          download: {
            state: "standing",
            confidence: "high",
            min: CAP.download * 300,
            max: CAP.download * 1500,
            sentence: `${CAP.download / 1000} Mbit/s, just below where its delay rises. Sure.`,
          },
          upload: null,
        },
        added_ms: 3.2,
        grade: { grade: "A", added_ms: 12.4, seconds: 240 },
      },
    ],
    devices_known: devices.length,
    devices_active: active(),
    devices_held: held(),
    hit_permille: learning() ? undefined : 912,
  };
}
const byName = (word) => devices.find((d) => d.id === word || d.name === word);
function effect(d, change, apply) {
  const plan = () => WAYS.map((w) => divide(w, (f) => f.want[w], CAP[w]));
  const rates = ([down, up]) =>
    devices.map((x) => [down, up].map((p) => k(sum(x.flows.map((f) => p.get(f) ?? 0)) * 1000)));
  const before = rates(plan());
  const old = { priority: d.priority, name: d.name };
  if (change.priority !== undefined) d.priority = change.priority;
  if (change.name !== undefined) d.name = change.name;
  const after = rates(plan());
  if (!apply) Object.assign(d, old);
  const list = devices
    .map((x, i) => ({
      id: x.id,
      name: x.name,
      before: { download: before[i][0], upload: before[i][1] },
      after: { download: after[i][0], upload: after[i][1] },
    }))
    .filter((e) => Math.abs(e.after.download - e.before.download) + Math.abs(e.after.upload - e.before.upload) > 50_000)
    .sort((a, b) => Math.abs(b.after.download - b.before.download) - Math.abs(a.after.download - a.before.download));
  const undo = Object.fromEntries(Object.keys(change).map((key) => [key, old[key]]));
  return { applied: apply, devices: list, ...(apply ? { undo } : {}) };
}
function historyBody(query) {
  const [from, to, step] = ["from", "to", "step"].map((name) => Number(query.get(name)));
  const fields = query.get("fields") ?? "link";
  const t0 = Math.floor(from / step) * step;
  const count = Math.min(1200, Math.ceil((to - t0) / step));
  const series = {};
  const column = (name, read) => {
    const sums = new Float64Array(count);
    const counts = new Float64Array(count);
    for (const h of history) {
      const i = Math.floor((h.at - t0) / step);
      if (i >= 0 && i < count) {
        sums[i] += read(h);
        counts[i] += 1;
      }
    }
    series[name] = Array.from(sums, (s, i) => (counts[i] > 0 ? k((s / counts[i]) * 1000) : null));
  };
  if (fields === "classes") CLASSES.forEach((c, i) => WAYS.forEach((w) => column(`class.${c}.${w}`, (h) => h[w][i])));
  if (fields === "devices")
    devices.forEach((d, i) => WAYS.forEach((w, j) => column(`device.${d.id}.${w}`, (h) => h.devices[i][j])));
  if (fields === "link") WAYS.forEach((w) => column(`link.${w}`, (h) => sum([...h[w]])));
  return { t0_ms: t0, step_ms: step, series };
}

// ---- HTTP
const CSP = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
const sessions = new Map();
const cookieOf = (request) => /equalnet=([0-9a-f]+)/.exec(request.headers.cookie ?? "")?.[1];
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

// ---- flows and rules
let rules = [
  {
    id: "file-1",
    by_hand: false,
    when: { name: "school.example" },
    class: "work",
    label: "",
    comment: "school tablets",
    words: "server name school.example, device Tom's tablet",
    flows: 0,
    bytes: 0,
  },
];

function addRule(when, trafficClass, comment = "") {
  const id = `hand-${rules.filter((known) => known.by_hand).length + 1}`;
  const words = `server name ${when.name}${when.device ? `, device ${byName(when.device)?.name}` : ""}`;
  const added = { id, by_hand: true, when, class: trafficClass, label: "", comment, words };
  rules = [{ ...added, flows: 1, bytes: 48_000_000, last_ms: Date.now() - 4000 }, ...rules];
  return rules[0];
}

const SERVERS = [
  "meet.example",
  "cdn.video.example",
  "backup.example",
  "play.example",
  "updates.example",
  "www.example",
];

function flowBodies() {
  return devices
    .flatMap((d) =>
      d.flows.map((f, i) => {
        const server_name = SERVERS[(f.class + i) % SERVERS.length];
        const ruled = rules.find((known) => known.by_hand && known.when.name === server_name);
        return {
          id: `tcp-${d.addresses?.[0] ?? "192.168.1.9"}-${50_000 + i}-198.51.100.${f.class}-443-${d.id}`,
          protocol: "tcp",
          source_ip: d.addresses?.[0] ?? "192.168.1.9",
          source_port: 50_000 + i,
          destination_ip: `198.51.100.${f.class}`,
          destination_port: 443,
          device: d.id,
          class: ruled?.class ?? CLASSES[f.class],
          application: "TLS",
          server_name,
          confidence: ruled ? 1 : 0.97,
          evidence: ruled ? `your rule: ${ruled.words}` : `server name ${server_name} in the TLS hello`,
          bytes: { download: k(f.rate.download * 60_000), upload: k(f.rate.upload * 60_000) },
          packets: { download: 1000, upload: 1000 },
          first_seen_ms: Date.now() - 60_000,
          last_seen_ms: Date.now(),
        };
      }),
    )
    .sort((a, b) => b.bytes.download + b.bytes.upload - a.bytes.download - a.bytes.upload)
    .slice(0, 40);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://household");
  response.setHeader("Content-Security-Policy", CSP);
  const answer = (status, body) => {
    response.writeHead(status, { "Content-Type": status < 400 ? "application/json" : "application/problem+json" });
    response.end(body === undefined ? "" : JSON.stringify(body));
  };
  if (!url.pathname.startsWith("/api/v1/")) {
    const path = normalize(url.pathname);
    for (const candidate of [join(DIST, path), join(DIST, "index.html")]) {
      try {
        const file = await readFile(candidate);
        response.writeHead(200, { "Content-Type": TYPES[extname(candidate)] ?? "application/octet-stream" });
        return response.end(file);
      } catch {}
    }
    return answer(404, { status: 404, code: "not_found", title: "Run `npm run build` first" });
  }
  const path = url.pathname.slice("/api/v1".length);
  const text = await new Promise((done) => {
    let all = "";
    request.on("data", (part) => (all += part)).on("end", () => done(all));
  });
  const body = text === "" ? {} : JSON.parse(text);
  if (path === "/session" && request.method === "POST") {
    if (body.password !== PASSWORD)
      return answer(401, { status: 401, code: "unauthenticated", title: "User or password is wrong" });
    const [id, csrf] = [randomBytes(16).toString("hex"), randomBytes(16).toString("hex")];
    sessions.set(id, csrf);
    response.setHeader("Set-Cookie", `equalnet=${id}; Path=/; HttpOnly; SameSite=Strict`);
    return answer(200, { user: "admin", csrf, expires_ms: Date.now() + 86_400_000 });
  }
  const csrf = sessions.get(cookieOf(request));
  if (csrf === undefined) return answer(401, { status: 401, code: "unauthenticated", title: "Sign in first" });
  if (request.method !== "GET" && request.headers["x-csrf-token"] !== csrf)
    return answer(403, { status: 403, code: "forbidden", title: "The token is missing" });
  const device = /^\/(?:policy\/devices|why)\/([^/]+)/.exec(path)?.[1];
  const d = device && byName(decodeURIComponent(device));
  if (device && !d) return answer(404, { status: 404, code: "not_found", title: "No such device" });
  const rule = /^\/rules\/(.+)/.exec(path)?.[1];
  const flow = /^\/flows\/(.+)\/class/.exec(path)?.[1];
  if (rule && request.method === "DELETE") {
    rules = rules.filter((known) => known.id !== rule);
    return answer(204);
  }
  if (flow) {
    const { server_name, device } = flowBodies().find((known) => known.id === decodeURIComponent(flow));
    return answer(201, addRule({ name: server_name, ...(body.scope === "device" ? { device } : {}) }, body.class));
  }
  switch (`${request.method} ${path.replace(/\/(devices|why)\/[^/]+/, "/$1/ID")}`) {
    case "GET /session":
      return answer(200, { user: "admin", csrf, expires_ms: Date.now() + 86_400_000 });
    case "DELETE /session":
      sessions.delete(cookieOf(request));
      return answer(204);
    case "GET /status":
      return answer(200, statusBody());
    case "GET /devices":
      return answer(200, devices.map(deviceBody));
    case "GET /policy":
      return answer(200, {
        mode,
        levels: 5,
        default_priority: 3,
        minimum: { download: "10 %", upload: "10 %" },
        protected_permille: 500,
        early_yield_permille: 800,
      });
    case "GET /flows":
      return answer(200, flowBodies());
    case "GET /rules":
      return answer(200, rules);
    case "POST /rules":
      return answer(201, addRule(body.when, body.class, body.comment));
    case "GET /history":
      return answer(200, historyBody(url.searchParams));
    case "GET /outlook":
      return answer(200, outlookBody(url.searchParams.get("device")));
    case "PUT /mode":
      mode = body.mode;
      return answer(200, { mode });
    case "POST /policy/devices/ID/preview":
      return answer(200, effect(d, body, false));
    case "PUT /policy/devices/ID": {
      const was = d.priority;
      const done = effect(d, body, true);
      for (const socket of sockets) socket.event({ t: "ev", k: "device", device: deviceBody(d) });
      if (body.priority)
        add(
          Date.now(),
          "priority",
          { kind: "device", device: d.id, name: d.name },
          was / 1000,
          d.priority / 1000,
          `admin set ${d.name} to priority ${d.priority} (was ${was}).`,
          "admin",
        );
      return answer(200, done);
    }
    case "GET /why/ID":
      return answer(200, {
        subject: { kind: "device", device: d.id, name: d.name },
        what: d.held.download
          ? `${d.name} gets ${(d.gets.download / 1000).toFixed(1)} Mbit/s instead of the ${(d.want.download / 1000).toFixed(1)} it asks for.`
          : `${d.name} gets all it asks for.`,
        why: d.held.download
          ? [
              "All devices together want 131 Mbit/s and the link has 120.",
              `${d.name} has priority ${d.priority}; the link ran out at priority ${d.priority}.`,
            ]
          : [],
        parts: d.held.download
          ? [
              ["guarantee", 2_400_000],
              ["share", Math.max(0, k(d.gets.download * 1000) - 2_400_000)],
            ]
          : [],
        decisions: decisions.filter((x) => x.subject.device === d.id).slice(0, 5),
      });
    default:
      return answer(404, { status: 404, code: "not_found", title: "No such address" });
  }
});

// ---- the live socket
const wss = new WebSocketServer({ noServer: true, handleProtocols: () => "equalnet.v1" });
server.on("upgrade", (request, socket, head) => {
  if (!sessions.has(cookieOf(request))) return socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
  wss.handleUpgrade(request, socket, head, (ws) => {
    let [q, ch, timer, seen, since] = [100, new Set(), undefined, new Map(), 0];
    const send = (frame) => ws.send(JSON.stringify(frame));
    const snap = () => {
      seen = new Map();
      since = Date.now();
      send({
        t: "snap",
        q: (q += 1),
        ts: Date.now(),
        cols: { l: LINK, c: CLASS, dv: DEVICE },
        status: statusBody(),
        devices: devices.map(deviceBody),
        l: linkRow(),
        c: classColumns(),
        dv: transpose(devices.map(deviceRow)),
        decisions: decisions.slice(0, 50),
        alerts: [],
      });
    };
    const delta = () => {
      if (ch.size === 0) return;
      if (Date.now() - since > 60_000) return snap();
      const rows = devices.map(deviceRow).filter((row) => {
        const text = row.join();
        if (seen.get(row[0]) === text) return false;
        seen.set(row[0], text);
        return true;
      });
      send({
        t: "d",
        q: (q += 1),
        ts: Date.now(),
        l: linkRow(),
        c: classColumns(),
        ...(rows.length > 0 ? { dv: transpose(rows) } : {}),
      });
    };
    const me = { event: send };
    sockets.add(me);
    send({ t: "hello", v: 1, build: "household", session: "1", hz: 2 });
    ws.on("message", (data) => {
      const frame = JSON.parse(data);
      if (frame.t === "sub") {
        const first = ch.size === 0;
        for (const name of frame.ch) ch.add(name);
        if (first) snap();
        clearInterval(timer);
        timer = setInterval(delta, 1000 / (frame.hz ?? 2));
      }
      if (frame.t === "unsub") for (const name of frame.ch) ch.delete(name);
      if (frame.t === "snap") snap();
    });
    ws.on("close", () => {
      clearInterval(timer);
      sockets.delete(me);
    });
  });
});
server.listen(PORT, "127.0.0.1", () =>
  console.log(`SIMULATED household on http://127.0.0.1:${PORT} (password: ${PASSWORD})`),
);
