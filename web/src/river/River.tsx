import { Table2 } from "lucide-react";
import { type KeyboardEvent, type PointerEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { CLASS_COUNT, CLASSES } from "../classes";
import { duration, offset, rateText } from "../format";
import { live, useLive, usePaused } from "../live/live";
import type { Direction } from "../live/series";
import { ClassLetter } from "../parts/ClassTag";
import { Popover } from "../parts/Popover";
import { useMedia } from "../parts/useMedia";
import { useRange } from "../range";
import { useSettings } from "../settings";
import { useShortcuts } from "../shortcuts";
import { words } from "../words";
import { ChartTable } from "./ChartTable";
import { drawLanes, drawRiver, frameOf } from "./draw";
import { AHEAD_MS } from "./layout";
import { Moment } from "./Moment";
import { palette } from "./palette";
import { halfOf, type Scene } from "./scene";

const ALL = Array.from({ length: CLASS_COUNT }, () => true);
const NONE: ReadonlySet<number> = new Set();
/** The past slides by less than a pixel a picture, and never more often than this. */
const SLIDE_HZ = 10;

/** The link's classes over time, and ahead of now what is foreseen. */
export function River() {
  const figure = useRef<HTMLElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { minutes } = useRange();
  const { shown, lanes, unit, set } = useSettings();
  const paused = usePaused();
  const narrow = useMedia("(max-width: 639px)");
  const still = useMedia("(prefers-reduced-motion: reduce)");
  const [only, setOnly] = useState<ReadonlySet<number>>(NONE);
  const [hovered, setHovered] = useState<number>();
  const [cursor, setCursor] = useState<number>();
  const [moment, setMoment] = useState<number>();
  const [table, setTable] = useState(false);

  const pastMs = minutes * 60_000;
  const aheadMs = narrow ? AHEAD_MS / 2 : AHEAD_MS;
  const visible = useMemo(() => (only.size === 0 ? ALL : ALL.map((_, c) => only.has(c))), [only]);
  const visibleCount = visible.filter(Boolean).length;
  const height = lanes ? Math.max(220, visibleCount * (narrow ? 34 : 42) + 44) : narrow ? 240 : 360;

  const scene = useCallback((): Scene | undefined => {
    const state = live.state();
    if (!state) return undefined;
    const now = live.now();
    const directions: Direction[] = shown === "both" ? ["down", "up"] : [shown];
    return {
      now,
      pastMs,
      aheadMs,
      halves: directions.map((direction) => halfOf(state, direction, visible)),
      series: live.series,
      newest: state.ts,
      visible,
      dimmed: visible.map((_, c) => hovered !== undefined && hovered !== c),
      marks: state.decisions.map((decision) => decision.at_ms),
      unit,
      cursor,
    };
  }, [shown, pastMs, aheadMs, visible, hovered, unit, cursor]);

  usePainting(canvas, scene, lanes, still || paused, height);

  useShortcuts({
    v: () => set({ lanes: !lanes }),
    t: () => setTable((open) => !open),
  });

  /** The measured second under a pointer; nothing in the future. */
  function timeAt(clientX: number): number | undefined {
    const element = canvas.current;
    if (!element) return undefined;
    const box = element.getBoundingClientRect();
    const { scale, left } = frameOf({ width: box.width, height: box.height, ratio: 1 }, pastMs, aheadMs);
    const x = clientX - box.left;
    return x < left || x > scale.nowX ? undefined : live.now() + scale.ms(x);
  }

  function isolate(c: number, add: boolean) {
    setOnly((before) => {
      if (add) {
        const after = new Set(before);
        if (!after.delete(c)) after.add(c);
        return after.size === CLASS_COUNT ? NONE : after;
      }
      return before.size === 1 && before.has(c) ? NONE : new Set([c]);
    });
  }

  function onKeyDown(event: KeyboardEvent) {
    const step = event.shiftKey ? 10_000 : 1000;
    const now = live.now();
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const from = cursor ?? now;
      const to = from + (event.key === "ArrowLeft" ? -step : step);
      setCursor(Math.min(now, Math.max(now - pastMs, to)));
    } else if (event.key === "Home") setCursor(now - pastMs);
    else if (event.key === "End") setCursor(now);
    else if (event.key === "Enter" && cursor !== undefined) setMoment(cursor);
    else if (event.key === "Escape") {
      setCursor(undefined);
      setOnly(NONE);
    } else if (/^[0-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      isolate(event.key === "0" ? 9 : Number(event.key) - 1, event.shiftKey);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  const momentAnchor = useRef<HTMLSpanElement>(null);
  const momentX = (() => {
    const box = canvas.current?.getBoundingClientRect();
    if (moment === undefined || !box) return 0;
    return frameOf({ width: box.width, height: box.height, ratio: 1 }, pastMs, aheadMs).scale.x(moment - live.now());
  })();

  return (
    <figure ref={figure} className="card" aria-labelledby="river-title">
      <div className="flex flex-wrap items-center gap-2 px-4 pt-3">
        <h2 id="river-title" className="mr-auto text-lead">
          {lanes ? words.river.lanesTitle : words.river.title}
          {lanes && <span className="ml-2 text-caption font-normal text-muted">{words.river.scaleZoomed}</span>}
        </h2>
        <button
          type="button"
          className="control"
          aria-pressed={table}
          title={words.river.tableHint}
          onClick={() => setTable(!table)}
        >
          <Table2 size={16} aria-hidden />
          <span className="max-sm:sr-only">{words.river.table}</span>
        </button>
        <button
          type="button"
          className="control"
          aria-pressed={lanes}
          title={words.river.lanesHint}
          onClick={() => set({ lanes: !lanes })}
        >
          {words.river.lanes}
        </button>
      </div>
      <div className="relative px-1 pt-1">
        <div
          role="slider"
          tabIndex={0}
          aria-label={words.river.cursor}
          aria-orientation="horizontal"
          aria-valuemin={-minutes * 60}
          aria-valuemax={0}
          aria-valuenow={cursor === undefined ? 0 : Math.round((cursor - live.now()) / 1000)}
          aria-valuetext={reading(cursor, shown, visible, unit)}
          onKeyDown={onKeyDown}
          onPointerMove={(event: PointerEvent) => event.pointerType === "mouse" && setCursor(timeAt(event.clientX))}
          onPointerLeave={() => setCursor(undefined)}
          onClick={(event) => setMoment(timeAt(event.clientX))}
          className="block cursor-crosshair focus-visible:-outline-offset-2"
        >
          <canvas ref={canvas} className="block w-full" style={{ height }} />
        </div>
        {moment !== undefined && (
          <>
            <span
              ref={momentAnchor}
              aria-hidden
              className="pointer-events-none absolute top-8 h-0 w-0"
              style={{ left: momentX }}
            />
            <MomentCard key={moment} at={moment} anchor={momentAnchor} onClose={() => setMoment(undefined)} />
          </>
        )}
      </div>
      <Legend
        only={only}
        cursor={cursor}
        shown={shown}
        onHover={setHovered}
        onPick={isolate}
        onAll={() => setOnly(NONE)}
      />
      {table && <ChartTable pastMs={pastMs} direction={shown === "up" ? "up" : "down"} />}
      <Caption minutes={minutes} direction={shown === "up" ? "up" : "down"} />
    </figure>
  );
}

/** The card mounts after its anchor, so that it knows where to stand. */
function MomentCard({
  at,
  anchor,
  onClose,
}: {
  at: number;
  anchor: React.RefObject<HTMLElement | null>;
  onClose: () => void;
}) {
  const [ready, setReady] = useState(false);
  useEffect(() => setReady(true), []);
  if (!ready) return null;
  return (
    <Popover anchor={anchor.current} label={words.river.moment} onClose={onClose}>
      <Moment at={at} />
    </Popover>
  );
}

/** Paints on data, and between data slides the past while somebody can see it and wants motion. */
function usePainting(
  canvas: React.RefObject<HTMLCanvasElement | null>,
  scene: () => Scene | undefined,
  lanes: boolean,
  still: boolean,
  height: number,
) {
  const theme = useSettings((s) => s.theme);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new theme is a reason to paint again
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let frame = 0;
    let seen = true;

    const paint = () => {
      frame = 0;
      clearTimeout(timer);
      const width = element.clientWidth;
      const now = scene();
      if (width === 0 || !now) return;
      const ratio = window.devicePixelRatio || 1;
      if (element.width !== Math.round(width * ratio) || element.height !== Math.round(height * ratio)) {
        element.width = Math.round(width * ratio);
        element.height = Math.round(height * ratio);
      }
      const box = { width, height, ratio };
      (lanes ? drawLanes : drawRiver)(context, box, now, palette());
      if (!still && seen && document.visibilityState === "visible") {
        const { scale } = frameOf(box, now.pastMs, now.aheadMs);
        const hz = Math.min(SLIDE_HZ, Math.max(1, scale.pxPerSecond * 1.5));
        timer = setTimeout(request, 1000 / hz);
      }
    };
    const request = () => {
      if (frame === 0) frame = requestAnimationFrame(paint);
    };

    request();
    const unsubscribe = live.subscribe(request);
    const resized = new ResizeObserver(request);
    resized.observe(element);
    const sight = new IntersectionObserver(([entry]) => {
      seen = entry?.isIntersecting ?? true;
      if (seen) request();
    });
    sight.observe(element);
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", request);
    document.fonts.ready.then(request);
    return () => {
      unsubscribe();
      resized.disconnect();
      sight.disconnect();
      scheme.removeEventListener("change", request);
      clearTimeout(timer);
      cancelAnimationFrame(frame);
    };
  }, [canvas, scene, lanes, still, height, theme]);
}

function valueAt(c: number, at: number, shown: "down" | "up" | "both"): number {
  const { classes } = live.series;
  if (shown !== "both") return classes[shown].at(c, at);
  return classes.down.at(c, at) + classes.up.at(c, at);
}

/** "−1 min 10 s: total 98 Mbit/s, Streaming 27…" */
function reading(
  cursor: number | undefined,
  shown: "down" | "up" | "both",
  visible: readonly boolean[],
  unit: "bit" | "byte",
): string {
  const now = live.now();
  const at = cursor ?? now;
  const values = CLASSES.map((trafficClass, c) => ({
    title: trafficClass.title,
    value: visible[c] ? valueAt(c, cursor === undefined ? Math.floor(live.state()?.ts ?? now) : at, shown) : Number.NaN,
  }));
  const known = values.filter((v) => v.value >= 0);
  if (known.length === 0) return `${offset(at - now)}: ${words.river.notKnown}`;
  const total = known.reduce((sum, v) => sum + v.value, 0);
  const parts = known
    .filter((v) => v.value > total * 0.02)
    .sort((a, b) => b.value - a.value)
    .slice(0, 5)
    .map((v) => `${v.title} ${rateText(v.value, unit)}`);
  return words.river.reading(offset(at - now), rateText(total, unit), parts.join(", "));
}

/** Live values, and the control of what is shown. */
function Legend({
  only,
  cursor,
  shown,
  onHover,
  onPick,
  onAll,
}: {
  only: ReadonlySet<number>;
  cursor: number | undefined;
  shown: "down" | "up" | "both";
  onHover: (c: number | undefined) => void;
  onPick: (c: number, add: boolean) => void;
  onAll: () => void;
}) {
  const unit = useSettings((s) => s.unit);
  const classes = useLive((state) => state?.classes);
  const value = (c: number) => {
    if (cursor !== undefined) return valueAt(c, cursor, shown);
    const row = classes?.[c];
    if (!row) return -1;
    return shown === "both" ? (row.down ?? 0) + (row.up ?? 0) : (row[shown] ?? -1);
  };
  return (
    <fieldset className="flex min-w-0 gap-1 overflow-x-auto px-3 pb-2 sm:flex-wrap">
      <legend className="sr-only">{words.river.legend}</legend>
      {CLASSES.map((trafficClass, c) => (
        <button
          key={trafficClass.word}
          type="button"
          aria-pressed={only.has(c)}
          onClick={(event) => onPick(c, event.shiftKey)}
          onPointerEnter={(event) => event.pointerType === "mouse" && onHover(c)}
          onPointerLeave={() => onHover(undefined)}
          onFocus={() => onHover(undefined)}
          className={`inline-flex min-h-8 shrink-0 items-center gap-1.5 rounded-control border px-2 text-table hover:bg-hover ${
            only.has(c) ? "border-accent" : "border-transparent"
          } ${only.size > 0 && !only.has(c) ? "text-muted" : ""}`}
        >
          <ClassLetter index={c} size={16} />
          <span>{trafficClass.title}</span>
          <span className="num inline-block min-w-[4.6em] text-right text-muted">{rateText(value(c), unit)}</span>
        </button>
      ))}
      {only.size > 0 && (
        <button type="button" className="control shrink-0" onClick={onAll}>
          {words.river.all}
        </button>
      )}
    </fieldset>
  );
}

/** The picture in one sentence; it changes at most each 5 s. */
function Caption({ minutes, direction }: { minutes: number; direction: Direction }) {
  const unit = useSettings((s) => s.unit);
  const slow = useLive((state) => (state ? Math.floor(state.ts / 5000) : -1));
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again when five seconds have passed
  const text = useMemo(() => {
    const state = live.state();
    if (!state) return "";
    const { link } = state;
    const top = state.classes
      .map((row, c) => ({ title: CLASSES[c]?.title ?? "", value: row[direction] ?? 0 }))
      .filter((v) => v.value > (link[direction] ?? 0) * 0.15 && v.value > 0)
      .sort((a, b) => b.value - a.value)
      .slice(0, 2)
      .map((v) => v.title);
    const [p50, p90] = [link[`p50_${direction}_60`] ?? -1, link[`p90_${direction}_60`] ?? -1];
    return words.river.caption(
      duration(minutes * 60_000),
      words.live[direction].toLowerCase(),
      rateText(link[direction] ?? -1, unit),
      top.join(" and "),
      p50 < 0 ? words.river.captionLearning : words.river.captionNext(rateText(p50, unit), rateText(p90, unit)),
    );
  }, [slow, minutes, direction, unit]);
  return <figcaption className="num border-t border-line px-4 py-2 text-table text-muted">{text}</figcaption>;
}
