// Puts a scene on a canvas. Nothing here reads the live state or keeps anything but scratch memory.

import { CLASS_COUNT, CLASSES } from "../classes";
import { digits, offset, rate, rateSet, rateText } from "../format";
import { words } from "../words";
import { axisTop, bandMiddle, pastTicks, pushApart, type TimeScale, ticks, timeScale } from "./layout";
import type { Palette } from "./palette";
import { type Half, KNOTS_MS, type Scene } from "./scene";

export interface Box {
  width: number;
  height: number;
  ratio: number;
}

const FONT = '"Inter Variable", ui-sans-serif, system-ui, sans-serif';
const AXIS = 34;
const TOP = 10;
/** Two measured seconds further apart than this are a gap, not a slope. */
const HOLD_MS = 3000;

export interface Frame {
  scale: TimeScale;
  left: number;
  right: number;
}

export function frameOf(box: Box, pastMs: number, aheadMs: number): Frame {
  const left = box.width < 520 ? 34 : 46;
  const right = box.width - (box.width < 520 ? 22 : 46);
  return { scale: timeScale(left, right, pastMs, aheadMs), left, right };
}

interface Pen {
  context: CanvasRenderingContext2D;
  box: Box;
  frame: Frame;
  scene: Scene;
  colours: Palette;
}

export function drawRiver(context: CanvasRenderingContext2D, box: Box, scene: Scene, colours: Palette) {
  const pen = begin(context, box, scene, colours);
  const bottom = box.height - AXIS;
  const mirrored = scene.halves.length === 2;
  const [first, second] = scene.halves;
  if (!first) return;
  // A slow upload would be a hair line beside a fast download: it gets at least a quarter, with its own steps.
  const upShare =
    mirrored && second
      ? Math.min(0.5, Math.max(0.25, second.capacity / Math.max(1, first.capacity + second.capacity)))
      : 0;
  const zero = mirrored ? Math.round(bottom - (bottom - TOP) * upShare) : bottom;
  drawHalf(pen, first, zero, zero - TOP, 1, mirrored);
  if (mirrored && second) drawHalf(pen, second, zero, bottom - zero - 4, -1, true);
  context.fillStyle = colours.text;
  context.globalAlpha = mirrored ? 0.9 : 0.35;
  context.fillRect(pen.frame.left, zero - (mirrored ? 1 : 0), pen.frame.right - pen.frame.left, mirrored ? 2 : 1);
  context.globalAlpha = 1;
  drawTime(pen, TOP, bottom);
  end(pen);
}

function begin(context: CanvasRenderingContext2D, box: Box, scene: Scene, colours: Palette): Pen {
  context.setTransform(box.ratio, 0, 0, box.ratio, 0, 0);
  context.clearRect(0, 0, box.width, box.height);
  context.lineJoin = "round";
  context.textBaseline = "middle";
  return { context, box, scene, colours, frame: frameOf(box, scene.pastMs, scene.aheadMs) };
}

function end({ context }: Pen) {
  context.setTransform(1, 0, 0, 1, 0, 0);
}

/** The measured seconds in sight, oldest first, as runs without a gap; each run's times are relative to now. */
function runsOf({ scene }: Pen, direction: Half["direction"]): { from: number; count: number }[] {
  const ring = scene.series.classes[direction];
  const first = Math.floor((scene.now - scene.pastMs) / 1000) - 1;
  const last = Math.floor(Math.min(scene.newest, scene.now) / 1000);
  const runs: { from: number; count: number }[] = [];
  let run: { from: number; count: number } | undefined;
  let missed = 0;
  for (let second = first; second <= last; second += 1) {
    if (Number.isNaN(ring.at(0, second * 1000))) {
      missed += 1;
      if (missed * 1000 > HOLD_MS) run = undefined;
      continue;
    }
    missed = 0;
    if (run === undefined) {
      run = { from: second, count: 0 };
      runs.push(run);
    }
    run.count = second - run.from + 1;
  }
  return runs;
}

// Scratch for one picture: tops of each class at each second. Grown when needed, never given back.
let tops = new Float32Array(0);

function drawHalf(pen: Pen, half: Half, zero: number, height: number, sign: 1 | -1, mirrored: boolean) {
  const { context, scene, colours, frame } = pen;
  const { scale, left, right } = frame;
  const runs = runsOf(pen, half.direction);
  const ring = scene.series.classes[half.direction];
  const total = runs.reduce((sum, run) => sum + run.count, 0);
  if (tops.length < (CLASS_COUNT + 1) * total) tops = new Float32Array((CLASS_COUNT + 1) * total * 2);

  // Stack once: tops[(c + 1) * total + i] is the upper edge of class c at the i-th measured second.
  let place = 0;
  let largest = 0;
  for (const run of runs) {
    for (let i = 0; i < run.count; i += 1, place += 1) {
      let sum = 0;
      tops[place] = 0;
      for (let c = 0; c < CLASS_COUNT; c += 1) {
        if (scene.visible[c]) {
          const value = ring.at(c, (run.from + i) * 1000);
          // One missing second holds the one before.
          if (value > 0) sum += value;
          else if (Number.isNaN(value) && i > 0) {
            sum += (tops[(c + 1) * total + place - 1] as number) - (tops[c * total + place - 1] as number);
          }
        }
        tops[(c + 1) * total + place] = sum;
      }
      if (sum > largest) largest = sum;
    }
  }
  const peak = Math.max(largest, ...(half.forecast?.p90 ?? [0]));
  const top = axisTop(half.capacity, peak);
  const y = (value: number) => zero - (sign * value * height) / top;

  // Grid and its numbers.
  context.font = `11px ${FONT}`;
  context.textAlign = "right";
  const unit = rate(half.capacity > 0 ? half.capacity : top, scene.unit).unit;
  for (const value of ticks(half.capacity > 0 ? half.capacity : top)) {
    context.fillStyle = colours.line;
    context.fillRect(left, Math.round(y(value)), right - left, 1);
    if (half.capacity > 0 && Math.abs(y(half.capacity) - y(value)) < 13) continue;
    if (Math.abs(y(value) - zero) < 12) continue;
    context.fillStyle = colours.muted;
    context.fillText(short(value, unit), left - 6, y(value));
  }

  context.save();
  context.beginPath();
  const edge = sign > 0 ? zero - height : zero;
  context.rect(left, edge - 1, right - left, height + 2);
  context.clip();

  // Measured areas.
  place = 0;
  for (const run of runs) {
    drawRun(pen, run, place, total, y);
    place += run.count;
  }
  drawGaps(pen, runs, sign > 0 ? zero - height : zero, height);

  // What is foreseen.
  const forecast = half.forecast;
  if (forecast) {
    const x = (k: number) => scale.x(KNOTS_MS[k] as number);
    const base = KNOTS_MS.map(() => 0);
    const paler = colours.card === "#ffffff" ? 0.36 : 0.42;
    for (let c = 0; c < CLASS_COUNT; c += 1) {
      const column = forecast.classes[c];
      if (!scene.visible[c] || !column) continue;
      const upper = base.map((value, k) => value + (column[k] as number));
      area(
        context,
        KNOTS_MS.length,
        x,
        (k) => y(upper[k] as number),
        (k) => y(base[k] as number),
      );
      paint(pen, c, (scene.dimmed[c] ? 0.25 : 1) * paler);
      upper.forEach((value, k) => {
        base[k] = value;
      });
    }
    // P50 to P90: hatched, as everywhere something is predicted.
    area(
      context,
      KNOTS_MS.length,
      x,
      (k) => y(forecast.p90[k] as number),
      (k) => y(forecast.p50[k] as number),
    );
    context.save();
    context.clip();
    hatch(context, scale.nowX, right, edge, edge + height, 7, colours.text, 0.5);
    context.restore();
    if (half.capacity > 0 && forecast.p90.some((value) => value > half.capacity)) {
      // Beyond what there is.
      area(
        context,
        KNOTS_MS.length,
        x,
        (k) => y(Math.max(half.capacity, forecast.p90[k] as number)),
        () => y(half.capacity),
      );
      context.save();
      context.clip();
      context.fillStyle = colours.warn;
      context.globalAlpha = 0.18;
      context.fillRect(scale.nowX, edge, right - scale.nowX, height);
      context.globalAlpha = 1;
      hatch(context, scale.nowX, right, edge, edge + height, 7, colours.warn, 0.9);
      context.restore();
    }
    context.strokeStyle = colours.text;
    context.lineWidth = 1.6;
    line(context, KNOTS_MS.length, x, (k) => y(forecast.p50[k] as number));
    context.lineWidth = 1;
    context.setLineDash([2, 3]);
    line(context, KNOTS_MS.length, x, (k) => y(forecast.p90[k] as number));
    context.setLineDash([]);
  }
  context.restore();

  // Capacity, and the line rate where it is another.
  if (half.capacity > 0) {
    const at = Math.round(y(half.capacity)) + 0.5;
    if (half.lineRate > half.capacity * 1.01 && half.lineRate < top) {
      context.strokeStyle = colours.muted;
      context.lineWidth = 0.75;
      context.globalAlpha = 0.7;
      straight(context, left, y(half.lineRate), right, y(half.lineRate));
      context.globalAlpha = 1;
    }
    context.strokeStyle = colours.text;
    context.lineWidth = 1.5;
    context.setLineDash([8, 5]);
    straight(context, left, at, right, at);
    context.setLineDash([]);
    context.font = `550 11px ${FONT}`;
    context.textAlign = "right";
    context.fillStyle = colours.text;
    context.fillText(short(half.capacity, unit), left - 6, at);
  }
  context.font = `11px ${FONT}`;
  context.fillStyle = colours.muted;
  context.textAlign = "left";
  if (half.capacity > 0) {
    const name = words.river.link(rateSet(half.capacity, scene.unit));
    // Above its line, unless the line rate runs there.
    const above = y(half.capacity) - sign * 9;
    const taken = half.lineRate > half.capacity * 1.01 && Math.abs(y(half.lineRate) - above) < 10;
    chip(pen, name, left + 6, taken ? y(half.capacity) + sign * 10 : above, colours.text);
  }
  if (mirrored) {
    chip(pen, half.direction === "down" ? words.river.down : words.river.up, left + 6, zero - sign * 12, colours.text);
  }

  drawLabels(pen, runs, total, y);
  drawForecastLabels(pen, half, y, edge, height);
  drawLadder(pen, half, y, zero, sign > 0 ? edge : zero, sign > 0 ? zero : edge + height);
}

function drawRun(
  pen: Pen,
  run: { from: number; count: number },
  place: number,
  total: number,
  y: (v: number) => number,
) {
  const { context, scene, colours, frame } = pen;
  // The last value holds until now, as long as it is fresh.
  const lastAt = (run.from + run.count - 1) * 1000;
  const holds = scene.now - lastAt < HOLD_MS && scene.now > lastAt;
  const points = run.count + (holds ? 1 : 0);
  const at = (i: number) => Math.min(i, run.count - 1);
  const x = (i: number) => frame.scale.x(Math.min(0, (i < run.count ? (run.from + i) * 1000 : scene.now) - scene.now));
  for (let c = 0; c < CLASS_COUNT; c += 1) {
    if (!scene.visible[c]) continue;
    const upper = (i: number) => y(tops[(c + 1) * total + place + at(i)] as number);
    const lower = (i: number) => y(tops[c * total + place + at(i)] as number);
    area(context, points, x, upper, lower);
    paint(pen, c, scene.dimmed[c] ? 0.25 : 1);
    // A line in the card's colour parts it from the next.
    context.strokeStyle = colours.card;
    context.lineWidth = 1;
    line(context, points, x, upper);
  }
}

/** Where nothing was measured between two runs, or since the last. */
function drawGaps(pen: Pen, runs: readonly { from: number; count: number }[], edge: number, height: number) {
  const { context, scene, frame, colours } = pen;
  const gap = (from: number, to: number) => {
    const [a, b] = [Math.max(frame.left, frame.scale.x(from - scene.now)), frame.scale.x(Math.min(0, to - scene.now))];
    if (b - a < 2) return;
    context.save();
    context.beginPath();
    context.rect(a, edge, b - a, height);
    context.clip();
    hatch(context, a, b, edge, edge + height, 11, colours.muted, 0.28);
    context.restore();
  };
  runs.forEach((run, i) => {
    const next = runs[i + 1];
    const last = (run.from + run.count - 1) * 1000;
    if (next) gap(last, next.from * 1000);
    else if (scene.now - last >= HOLD_MS) gap(last, scene.now);
  });
}

function drawLabels(
  pen: Pen,
  runs: readonly { count: number; from: number }[],
  total: number,
  y: (v: number) => number,
) {
  const { context, scene, colours, frame } = pen;
  const run = runs.at(-1);
  if (!run || scene.now - (run.from + run.count - 1) * 1000 >= HOLD_MS) return;
  context.font = `550 12px ${FONT}`;
  context.textAlign = "right";
  for (let c = 0; c < CLASS_COUNT; c += 1) {
    const title = CLASSES[c]?.title ?? "";
    if (!scene.visible[c]) continue;
    const width = context.measureText(title).width + 18;
    const seconds = Math.min(run.count, Math.ceil(width / frame.scale.pxPerSecond) + 1);
    if (seconds * frame.scale.pxPerSecond < width) continue;
    const high: number[] = [];
    const low: number[] = [];
    for (let i = total - seconds; i < total; i += 1) {
      const [a, b] = [y(tops[(c + 1) * total + i] as number), y(tops[c * total + i] as number)];
      high.push(Math.min(a, b));
      low.push(Math.max(a, b));
    }
    const middle = bandMiddle(high, low, 16);
    if (middle === undefined) continue;
    const right = frame.scale.nowX - 9;
    context.globalAlpha = scene.dimmed[c] ? 0.25 : 1;
    if (c === CLASS_COUNT - 1 || colours.chip[c]) {
      context.fillStyle = colours.card;
      context.beginPath();
      context.roundRect(right - width + 12, middle - 8, width - 7, 16, 3);
      context.fill();
      context.fillStyle = colours.text;
    } else context.fillStyle = colours.on[c] ?? colours.text;
    context.fillText(title, right, middle + 0.5);
    context.globalAlpha = 1;
  }
}

function drawForecastLabels(pen: Pen, half: Half, y: (v: number) => number, edge: number, height: number) {
  const { context, colours, frame, scene, box } = pen;
  const { nowX } = frame.scale;
  context.font = `11px ${FONT}`;
  if (!half.forecast) {
    context.textAlign = "center";
    const room = frame.right - nowX;
    const text = words.river.learning;
    const lines = context.measureText(text).width > room - 12 ? split(text, 3) : [text];
    lines.forEach((part, i) => {
      context.fillStyle = colours.muted;
      context.fillText(part, nowX + room / 2, edge + height / 2 + (i - (lines.length - 1) / 2) * 15);
    });
    return;
  }
  if (frame.right - nowX < 70) return;
  context.textAlign = "right";
  const p50 = half.forecast.p50.at(-1) ?? 0;
  const p90 = half.forecast.p90.at(-1) ?? 0;
  const up = half.direction === "up" && scene.halves.length === 2;
  const above = up ? [y(p50) - 9, y(p90) + 10] : [y(p90) - 9, y(p50) + 10];
  const [first, second] = pushApart(above, 15, edge + 7, edge + height - 7);
  const [likely, most] = up ? [first, second] : [second, first];
  const wide = box.width >= 520;
  const text = (kbit: number, say: (text: string) => string) =>
    wide ? say(rateText(kbit, scene.unit)) : short(kbit, rate(Math.max(kbit, 1), scene.unit).unit);
  chip(pen, text(p90, words.river.atMost), frame.right - 5, most ?? 0, colours.text);
  context.font = `650 11px ${FONT}`;
  chip(pen, text(p50, words.river.likely), frame.right - 5, likely ?? 0, colours.text);
}

/** One bracket for each class with a reservation, stacked from 0. */
function drawLadder(pen: Pen, half: Half, y: (v: number) => number, zero: number, top: number, bottom: number) {
  const { context, scene, colours, frame, box } = pen;
  const marks: { c: number; from: number; to: number }[] = [];
  let sum = 0;
  for (let c = 0; c < CLASS_COUNT; c += 1) {
    const reserved = half.reserved[c] ?? 0;
    if (!scene.visible[c] || reserved <= 0) continue;
    marks.push({ c, from: y(sum), to: y(sum + reserved) });
    sum += reserved;
  }
  if (marks.length === 0) return;
  const x = frame.right + 5;
  for (const { c, from, to } of marks) {
    context.strokeStyle = colours.classes[c] ?? colours.text;
    context.lineWidth = 2;
    context.beginPath();
    const [a, b] = Math.abs(to - from) > 3 ? [from - Math.sign(from - to), to + Math.sign(from - to)] : [from, to];
    context.moveTo(x, a);
    context.lineTo(x + 6, a);
    context.lineTo(x + 6, b);
    context.lineTo(x, b);
    context.stroke();
  }
  if (box.width < 520) return;
  // Letters, pushed apart, with a leader to their bracket.
  const shown = marks.filter((mark) => Math.abs(mark.to - mark.from) >= 1);
  const ordered = shown
    .map((mark) => ({ c: mark.c, middle: (mark.from + mark.to) / 2 }))
    .sort((a, b) => a.middle - b.middle);
  const room = Math.floor((bottom - top) / 13);
  const fitting = ordered.slice(Math.max(0, ordered.length - room));
  const places = pushApart(
    fitting.map((mark) => mark.middle),
    13,
    top + 6,
    Math.max(top + 6, Math.max(bottom, zero) - 6),
  );
  context.font = `650 10px ${FONT}`;
  context.textAlign = "left";
  fitting.forEach(({ c, middle }, i) => {
    const at = places[i] as number;
    context.strokeStyle = colours.strong;
    context.lineWidth = 0.75;
    straight(context, x + 8, middle, x + 14, at);
    context.fillStyle = colours.muted;
    context.fillText(CLASSES[c]?.letter ?? "", x + 17, at + 0.5);
  });
}

/** The time axis, the now line, marks of decisions, the cursor. */
function drawTime(pen: Pen, top: number, bottom: number) {
  const { context, scene, colours, frame } = pen;
  const { scale, left, right } = frame;
  context.font = `11px ${FONT}`;
  context.textAlign = "center";
  for (const ms of pastTicks(scene.pastMs, scale.nowX - left)) {
    const x = scale.x(-ms);
    context.fillStyle = colours.strong;
    context.fillRect(Math.round(x), bottom, 1, 4);
    context.fillStyle = colours.muted;
    context.fillText(offset(-ms), Math.max(x, left + 14), bottom + 14);
  }
  context.fillStyle = colours.muted;
  const half = scene.aheadMs / 2;
  if (right - scale.nowX > 110) context.fillText(offset(half), scale.x(half), bottom + 14);
  context.textAlign = "right";
  context.fillText(offset(scene.aheadMs), right, bottom + 14);
  context.textAlign = "center";

  for (const at of scene.marks) {
    const ms = at - scene.now;
    if (ms < -scene.pastMs || ms > 0) continue;
    diamond(context, scale.x(ms), bottom + 27, 3.5, colours.muted);
  }

  context.fillStyle = colours.text;
  context.fillRect(scale.nowX - 0.75, top, 1.5, bottom - top + 5);
  context.font = `650 11px ${FONT}`;
  context.fillText(words.river.now, scale.nowX, bottom + 14);

  if (scene.cursor !== undefined) {
    const ms = scene.cursor - scene.now;
    if (ms >= -scene.pastMs && ms <= 0) {
      context.strokeStyle = colours.accent;
      context.lineWidth = 1;
      straight(context, Math.round(scale.x(ms)) + 0.5, top, Math.round(scale.x(ms)) + 0.5, bottom);
      context.fillStyle = colours.accent;
      context.font = `550 11px ${FONT}`;
      const x = Math.min(Math.max(scale.x(ms), left + 30), scale.nowX - 34);
      chip(pen, offset(ms), x, top + 2, colours.accent);
    }
  }
}

/** The same data, one lane for each class, each with its own steps. */
export function drawLanes(context: CanvasRenderingContext2D, box: Box, scene: Scene, colours: Palette) {
  const pen = begin(context, box, scene, colours);
  const { frame } = pen;
  const { scale, left, right } = frame;
  const bottom = box.height - AXIS;
  const shown = Array.from({ length: CLASS_COUNT }, (_, c) => c).filter((c) => scene.visible[c]);
  const lane = (bottom - TOP) / Math.max(1, shown.length);
  shown.forEach((c, row) => {
    const floor = TOP + (row + 1) * lane;
    const room = lane - 6;
    const both = scene.halves.length === 2;
    const zero = both ? floor - room / 2 : floor;
    let largest = 1;
    for (const half of scene.halves) {
      const ring = scene.series.classes[half.direction];
      for (let at = scene.now - scene.pastMs; at <= scene.now; at += 1000) {
        const value = ring.at(c, at);
        if (value > largest) largest = value;
      }
      largest = Math.max(largest, half.reserved[c] ?? 0, ...(half.forecast?.high[c] ?? []));
    }
    largest *= 1.08;
    context.fillStyle = colours.line;
    context.fillRect(left, Math.round(zero), right - left, 1);
    scene.halves.forEach((half, index) => {
      const sign = index === 0 ? 1 : -1;
      const height = both ? room / 2 : room;
      const y = (value: number) => zero - (sign * Math.min(value, largest) * height) / largest;
      const ring = scene.series.classes[half.direction];
      for (const run of runsOf(pen, half.direction)) {
        const points = run.count + 1;
        const x = (i: number) => scale.x(Math.min(0, (i < run.count ? (run.from + i) * 1000 : scene.now) - scene.now));
        const value = (i: number) => ring.at(c, (run.from + Math.min(i, run.count - 1)) * 1000) || 0;
        context.save();
        context.beginPath();
        context.rect(left, zero - room, scale.nowX - left, room * 2);
        context.clip();
        area(
          context,
          points,
          x,
          (i) => y(value(i)),
          () => zero,
        );
        paint(pen, c, scene.dimmed[c] ? 0.25 : 1);
        context.restore();
      }
      const column = half.forecast?.classes[c];
      if (column) {
        area(
          context,
          KNOTS_MS.length,
          (k) => scale.x(KNOTS_MS[k] as number),
          (k) => y(column[k] as number),
          () => zero,
        );
        paint(pen, c, colours.card === "#ffffff" ? 0.36 : 0.42);
        const high = half.forecast?.high[c];
        if (high) {
          const x = (k: number) => scale.x(KNOTS_MS[k] as number);
          area(
            context,
            KNOTS_MS.length,
            x,
            (k) => y(high[k] as number),
            (k) => y(column[k] as number),
          );
          context.save();
          context.clip();
          hatch(context, scale.nowX, right, zero - room, zero + room, 7, colours.text, 0.5);
          context.restore();
        }
      }
      const reserved = half.reserved[c] ?? 0;
      if (reserved > 0) {
        context.strokeStyle = colours.text;
        context.lineWidth = 1;
        context.setLineDash([4, 3]);
        straight(context, left, y(reserved), right, y(reserved));
        context.setLineDash([]);
      }
    });
    context.font = `650 11px ${FONT}`;
    context.textAlign = "right";
    context.fillStyle = colours.text;
    context.fillText(CLASSES[c]?.letter ?? "", left - 8, floor - room / 2);
    context.font = `550 11px ${FONT}`;
    context.textAlign = "left";
    chip(pen, CLASSES[c]?.title ?? "", left + 8, floor - room / 2, colours.text);
    context.font = `11px ${FONT}`;
    context.textAlign = "right";
    const unit = rate(largest, scene.unit);
    chip(pen, `${unit.value} ${unit.unit}`, scale.nowX - 6, floor - room + 5, colours.muted);
  });
  drawTime(pen, TOP, bottom);
  end(pen);
}

// ---- strokes ----

function short(kbit: number, unit: string): string {
  const sizes: Record<string, number> = {
    "kbit/s": 1,
    "Mbit/s": 1e3,
    "Gbit/s": 1e6,
    "kB/s": 8,
    "MB/s": 8e3,
    "GB/s": 8e6,
  };
  const value = kbit / (sizes[unit] ?? 1e3);
  return Number.isInteger(value) ? String(value) : digits(value);
}

function split(text: string, parts: number): string[] {
  const list = text.split(" ");
  const per = Math.ceil(list.length / parts);
  return Array.from({ length: parts }, (_, i) => list.slice(i * per, (i + 1) * per).join(" ")).filter((p) => p !== "");
}

function area(
  context: CanvasRenderingContext2D,
  count: number,
  x: (i: number) => number,
  upper: (i: number) => number,
  lower: (i: number) => number,
) {
  context.beginPath();
  for (let i = 0; i < count; i += 1) context.lineTo(x(i), upper(i));
  for (let i = count - 1; i >= 0; i -= 1) context.lineTo(x(i), lower(i));
  context.closePath();
}

function line(context: CanvasRenderingContext2D, count: number, x: (i: number) => number, y: (i: number) => number) {
  context.beginPath();
  for (let i = 0; i < count; i += 1) context.lineTo(x(i), y(i));
  context.stroke();
}

function straight(context: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/** Fills the path with a class's colour; unclassified is a hatch, never a solid fill. */
function paint({ context, colours, box }: Pen, c: number, alpha: number) {
  if (c < CLASS_COUNT - 1) {
    context.globalAlpha = alpha;
    context.fillStyle = colours.classes[c] ?? colours.text;
    context.fill();
    context.globalAlpha = 1;
    return;
  }
  context.save();
  context.clip();
  context.fillStyle = colours.card;
  context.fillRect(0, 0, box.width, box.height);
  hatch(context, 0, box.width, 0, box.height, 5, colours.classes[c] ?? colours.text, alpha * 0.8);
  context.restore();
}

/** 45° lines over a box; the caller clips. */
function hatch(
  context: CanvasRenderingContext2D,
  left: number,
  right: number,
  top: number,
  bottom: number,
  pitch: number,
  colour: string,
  alpha: number,
) {
  const height = bottom - top;
  context.strokeStyle = colour;
  context.globalAlpha = alpha;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = Math.floor((left - height) / pitch) * pitch; x < right; x += pitch) {
    context.moveTo(x, bottom);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.globalAlpha = 1;
}

/** Text on a chip in the card's colour, legible over any area. */
function chip({ context, colours }: Pen, text: string, x: number, y: number, colour: string) {
  const width = context.measureText(text).width;
  const left = context.textAlign === "right" ? x - width : context.textAlign === "center" ? x - width / 2 : x;
  context.globalAlpha = 0.86;
  context.fillStyle = colours.card;
  context.beginPath();
  context.roundRect(left - 4, y - 7.5, width + 8, 15, 3);
  context.fill();
  context.globalAlpha = 1;
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

function diamond(context: CanvasRenderingContext2D, x: number, y: number, size: number, colour: string) {
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(x, y - size);
  context.lineTo(x + size, y);
  context.lineTo(x, y + size);
  context.lineTo(x - size, y);
  context.fill();
}
