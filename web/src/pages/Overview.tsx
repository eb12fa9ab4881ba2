import { Link } from "@tanstack/react-router";
import { ArrowRight, CircleCheck, CircleX, Diamond, Info, type LucideIcon, Scale, TriangleAlert } from "lucide-react";
import { useRef } from "react";
import { CLASSES, PROTECTED_COUNT } from "../classes";
import type { State } from "../contract";
import { standing, worstStanding } from "../devices/held";
import { ago, clock, drainMs, duration, rateOf, rateSet, rateText } from "../format";
import { live, useLive } from "../live/live";
import type { Direction } from "../live/series";
import type { DeviceNow } from "../live/state";
import { ArcGauge } from "../parts/ArcGauge";
import { Bullet } from "../parts/Bullet";
import { ClassLetter } from "../parts/ClassTag";
import { DeviceName } from "../parts/names";
import { Rate } from "../parts/numbers";
import { OutlookPanel } from "../parts/Outlook";
import { PriorityBadge } from "../parts/Priority";
import { QualityPanel } from "../parts/Quality";
import { Sparkline } from "../parts/Sparkline";
import { WhyButton } from "../parts/Why";
import { River } from "../river/River";
import { forecastOf, fullIn } from "../river/scene";
import { useSettings } from "../settings";
import { words } from "../words";

/** Is everything fine, now and in the next minute? */
export function Overview() {
  return (
    <div className="grid grid-cols-1 gap-3 sm:gap-4 lg:grid-cols-12">
      <section className="card px-4 py-3 lg:col-span-12" aria-label={words.pages.overview}>
        <StatusSentence />
        <Alerts />
      </section>
      <div className="grid grid-cols-2 gap-3 sm:gap-4 lg:col-span-12 lg:grid-cols-[1fr_1fr_1.25fr]">
        <Gauge direction="down" />
        <Gauge direction="up" />
        <NextMinute />
      </div>
      <div className="min-w-0 lg:col-span-12">
        <River />
      </div>
      <div className="min-w-0 lg:col-span-7">
        <TopDevices />
      </div>
      <div className="min-w-0 lg:col-span-5">
        <Decisions />
      </div>
      <div className="min-w-0 lg:col-span-12">
        <Queues />
      </div>
      <div className="min-w-0 lg:col-span-12">
        <QualityPanel />
      </div>
      <div className="min-w-0 lg:col-span-12">
        <OutlookPanel />
      </div>
    </div>
  );
}

const STATES: readonly State[] = ["fine", "busy", "strained", "down"];
const STATE_FACES = {
  fine: { Icon: CircleCheck, tone: "text-ok" },
  busy: { Icon: Diamond, tone: "text-info" },
  strained: { Icon: TriangleAlert, tone: "text-warn" },
  down: { Icon: CircleX, tone: "text-crit" },
} as const;

/** How much less than it wants a device gets, kbit/s. */
const heldBy = (device: DeviceNow) =>
  Math.max(
    standing(device, "down") === "held" ? device.p50Down - device.getsDown : -1,
    standing(device, "up") === "held" ? device.p50Up - device.getsUp : -1,
  );

function StatusSentence() {
  const unit = useSettings((s) => s.unit);
  const state = useLive((s) => s);
  const spoken = useSpoken(state ? (STATES[state.link.state ?? 0] ?? "fine") : undefined);
  if (!state) return <p className="h-7 animate-pulse rounded-bar bg-track motion-reduce:animate-none" />;
  const { link } = state;
  const name = STATES[link.state ?? 0] ?? state.status.state;
  const { Icon, tone } = STATE_FACES[name];
  const held = [...state.devices.values()]
    .filter((d) => worstStanding(d) === "held")
    .sort((a, b) => heldBy(b) - heldBy(a));
  const worst = held[0];
  const borrower = worst ? undefined : [...state.devices.values()].find((d) => worstStanding(d) === "borrows");
  const use = (way: Direction) =>
    (link[`cap_${way}`] ?? -1) > 0
      ? rateOf(link[way] ?? 0, link[`cap_${way}`] ?? 0, unit)
      : rateText(link[way] ?? -1, unit);
  const wait = fullIn(
    forecastOf(
      state,
      "down",
      CLASSES.map(() => true),
    ),
    link.cap_down ?? -1,
  );
  return (
    <div className="flex min-h-7 flex-wrap items-center gap-x-2 gap-y-1 text-lead" data-testid="status">
      <Icon size={20} aria-hidden className={`shrink-0 ${tone}`} />
      <strong>{words.status.names[name]}.</strong>
      {name === "down" ? (
        <span>{words.status.noLink}</span>
      ) : (
        <>
          <span className="num">{words.status.use(use("down"), use("up"))}</span>
          <span className="num">{words.status.active(link.active ?? 0)}</span>
          {worst ? (
            <span className="inline-flex min-w-0 flex-wrap items-center gap-x-2">
              <span className="num">
                <DeviceName device={worst.info} />
                {words.status.held(
                  standing(worst, "down") === "held"
                    ? rateText(worst.getsDown, unit)
                    : `${rateText(worst.getsUp, unit)} ↑`,
                )}
                {held.length > 1 ? `, ${words.status.heldMore(held.length - 1)}` : "."}
              </span>
              <WhyButton id={worst.info.id} name={worst.info.name} />
            </span>
          ) : borrower ? (
            <span className="inline-flex min-w-0 flex-wrap items-center gap-x-2">
              <span>
                <DeviceName device={borrower.info} />
                {words.status.borrows}
              </span>
              <WhyButton id={borrower.info.id} name={borrower.info.name} />
            </span>
          ) : (
            <span>{state.link.mode === 2 ? words.status.nobody : words.status.nobodyByUs}</span>
          )}
          {wait !== undefined && wait > 2 && name === "fine" && (
            <span className="num text-muted">
              {words.status.foreseen(duration(Math.max(5, Math.round(wait / 5) * 5) * 1000))}
            </span>
          )}
        </>
      )}
      <span role="status" className="sr-only">
        {spoken}
      </span>
    </div>
  );
}

const ALERTS_SHOWN = 3;
const SEVERITIES: Record<string, { Icon: LucideIcon; tone: string }> = {
  critical: { Icon: CircleX, tone: "text-crit" },
  warning: { Icon: TriangleAlert, tone: "text-warn" },
  info: { Icon: Info, tone: "text-info" },
};

/** What is open and needs somebody; nothing where nothing does. */
function Alerts() {
  const alerts = useLive((s) => s?.alerts);
  const second = useLive((s) => (s ? Math.floor(s.ts / 5000) * 5000 : 0));
  if (!alerts || alerts.length === 0) return null;
  return (
    <ul className="mt-2 space-y-1 border-t border-line pt-2" aria-label={words.alerts.title}>
      {alerts.slice(0, ALERTS_SHOWN).map((alert) => {
        const { Icon, tone } = SEVERITIES[alert.severity] ?? { Icon: Info, tone: "text-info" };
        return (
          <li key={alert.id} className="flex items-start gap-2">
            <Icon size={16} aria-hidden className={`mt-0.5 shrink-0 ${tone}`} />
            <span className="sr-only">{words.alerts.severities[alert.severity]}</span>
            <span data-private>{alert.sentence}</span>
            <span className="num ml-auto shrink-0 text-caption text-muted">
              {alert.count > 1 && `${words.alerts.times(alert.count)} · `}
              {ago(alert.at_ms, second)}
            </span>
          </li>
        );
      })}
      {alerts.length > ALERTS_SHOWN && (
        <li className="text-caption text-muted">{words.alerts.more(alerts.length - ALERTS_SHOWN)}</li>
      )}
    </ul>
  );
}

/** A change of state is spoken at most each ten seconds. */
function useSpoken(name: State | undefined): string {
  const last = useRef<{ name: State | undefined; at: number }>({ name: undefined, at: 0 });
  if (name !== last.current.name && Date.now() - last.current.at > 10_000) last.current = { name, at: Date.now() };
  return last.current.name ? words.status.names[last.current.name] : "";
}

function Gauge({ direction }: { direction: Direction }) {
  const unit = useSettings((s) => s.unit);
  const now = useLive((s) => s?.link[direction] ?? -1);
  const capacity = useLive((s) => s?.link[`cap_${direction}`] ?? -1);
  const reserved = useLive(
    (s) => s?.classes.reduce((sum, row) => sum + Math.max(0, row[`reserved_${direction}`] ?? 0), 0) ?? 0,
  );
  const share = capacity > 0 && now >= 0 ? now / capacity : 0;
  const title = words.tiles[direction];
  return (
    <section
      className="card flex flex-wrap items-center justify-between gap-x-4 gap-y-1 p-4 max-sm:p-3"
      aria-label={words.live[direction]}
    >
      <div className="min-w-0">
        <h2 className="text-caption font-medium text-muted">
          {title} {direction === "down" ? "↓" : "↑"}
        </h2>
        <p
          className="text-number leading-[1.15] font-semibold tracking-tight max-sm:text-h1"
          data-testid={`now-${direction}`}
        >
          <Rate kbit={now} className="[&_.unit]:text-[0.42em]" />
        </p>
        <p className="num text-caption text-muted">
          {capacity > 0 ? words.tiles.capacity(rateSet(capacity, unit)) : words.tiles.noCapacity}
          {reserved > 0 && (
            <>
              <br />
              {words.tiles.reserved(rateText(reserved, unit))}
            </>
          )}
        </p>
      </div>
      <ArcGauge
        used={share}
        reserved={capacity > 0 ? reserved / capacity : undefined}
        label={`${words.live[direction]}: ${capacity > 0 ? rateOf(now, capacity, unit) : rateText(now, unit)}`}
      >
        <span className="num">{capacity > 0 && now >= 0 ? words.tiles.ofCapacity(Math.round(share * 100)) : "–"}</span>
      </ArcGauge>
    </section>
  );
}

/** What comes, what it will be at most, and how often that was true. */
function NextMinute() {
  const link = useLive((s) => s?.link);
  const shown = useSettings((s) => s.shown);
  const direction = shown === "up" ? "up" : "down";
  const [p50, p90] = [link?.[`p50_${direction}_60`] ?? -1, link?.[`p90_${direction}_60`] ?? -1];
  const capacity = link?.[`cap_${direction}`] ?? -1;
  const hit = link?.hit_permille ?? -1;
  const top = Math.max(capacity, p90, 1);
  return (
    <section
      className="card col-span-2 flex flex-col justify-between gap-2 p-4 max-sm:p-3 lg:col-span-1"
      aria-label={words.tiles.next}
    >
      <h2 className="flex items-center gap-2 text-caption font-medium text-muted">
        {words.tiles.next} {direction === "down" ? "↓" : "↑"}
        <abbr
          title="Predicted"
          className="rounded-bar border border-dotted border-strong px-1 text-[0.6875rem] no-underline"
        >
          {words.tiles.predicted}
        </abbr>
      </h2>
      {p50 < 0 ? (
        <p className="text-lead text-muted">{words.tiles.learning}</p>
      ) : (
        <>
          <div className="flex flex-wrap items-baseline gap-x-6 gap-y-1">
            <p className="text-h1 leading-[1.15] font-semibold tracking-tight sm:text-[1.75rem]">
              <Rate kbit={p50} className="[&_.unit]:text-[0.5em]" />{" "}
              <span className="text-table font-normal tracking-normal text-muted">{words.tiles.likely}</span>
            </p>
            <p className="text-h2 leading-[1.15]">
              <Rate kbit={p90} className="[&_.unit]:text-[0.7em]" />{" "}
              <span className="text-table text-muted">{words.tiles.atMost}</span>
            </p>
          </div>
          <svg viewBox="0 0 400 14" preserveAspectRatio="none" aria-hidden="true" className="h-3.5 w-full">
            <defs>
              <pattern id="ahead" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
                <rect width="1.4" height="6" className="fill-text" opacity=".5" />
              </pattern>
            </defs>
            <rect y="3" width="400" height="8" rx="3" className="fill-track" />
            <rect y="3" width={(p50 / top) * 400} height="8" rx="3" className="fill-accent" opacity=".42" />
            <rect
              x={(p50 / top) * 400}
              y="3"
              width={Math.max(0, ((p90 - p50) / top) * 400)}
              height="8"
              fill="url(#ahead)"
            />
            <rect x={Math.max(0, (p50 / top) * 400 - 1)} width="2" height="14" className="fill-text" />
            {p90 > capacity && capacity > 0 && (
              <rect x={(capacity / top) * 400} width="2" height="14" className="fill-warn" />
            )}
          </svg>
        </>
      )}
      <p className="num text-caption text-muted">{hit >= 0 ? words.tiles.hit(hit) : words.tiles.noHit}</p>
    </section>
  );
}

function Panel({ title, aside, children }: { title: string; aside?: React.ReactNode; children: React.ReactNode }) {
  return (
    <section className="card flex h-full flex-col px-4 py-3" aria-label={title}>
      <header className="mb-2 flex min-h-6 items-baseline gap-2">
        <h2 className="text-lead">{title}</h2>
        <span className="ml-auto text-table text-muted">{aside}</span>
      </header>
      {children}
    </section>
  );
}

const TOP_COUNT = 8;
const RERANK_MS = 5000;

/** The order stands still for five seconds, and while somebody points at it. */
function useRanked(
  devices: ReadonlyMap<number, DeviceNow> | undefined,
  way: Direction,
  inside: React.RefObject<boolean>,
) {
  const order = useRef<{ at: number; way: Direction; numbers: number[] }>({ at: 0, way, numbers: [] });
  const now = live.now();
  const due = now - order.current.at >= RERANK_MS && !inside.current;
  if (devices && (due || order.current.way !== way || order.current.numbers.length === 0)) {
    const moving = [...devices.values()].filter((d) => d[way] > 0 || d.heldDown || d.heldUp);
    moving.sort((a, b) => b[way] - a[way]);
    order.current = { at: now, way, numbers: moving.slice(0, TOP_COUNT).map((d) => d.info.number) };
  }
  return order.current.numbers.flatMap((number) => devices?.get(number) ?? []);
}

function TopDevices() {
  const shown = useSettings((s) => s.shown);
  const way: Direction = shown === "up" ? "up" : "down";
  const devices = useLive((s) => s?.devices);
  const inside = useRef(false);
  const rows = useRanked(devices, way, inside);
  const largest = Math.max(1, ...rows.map((d) => d[way]));
  return (
    <Panel
      title={`${words.top.title} ${way === "down" ? "↓" : "↑"}`}
      aside={
        <Link to="/devices" search={({ range }) => ({ range })} className="inline-flex items-center gap-1">
          {words.top.all}
          <ArrowRight size={14} aria-hidden />
        </Link>
      }
    >
      {rows.length === 0 ? (
        <p className="py-4 text-muted">{words.top.empty}</p>
      ) : (
        <ol
          className="divide-y divide-line"
          onPointerEnter={() => {
            inside.current = true;
          }}
          onPointerLeave={() => {
            inside.current = false;
          }}
          onFocus={() => {
            inside.current = true;
          }}
          onBlur={() => {
            inside.current = false;
          }}
        >
          {rows.map((device) => {
            const stands = standing(device, way);
            const [gets, p50, p90] =
              way === "down"
                ? [device.getsDown, device.p50Down, device.p90Down]
                : [device.getsUp, device.p50Up, device.p90Up];
            return (
              <li key={device.info.number} className="flex min-h-10 items-center gap-3 py-1">
                <PriorityBadge device={device.info} priority={device.priority} />
                <ClassLetter index={device.mainClass} />
                <DeviceName device={device.info} className="min-w-0 flex-1" />
                <span className="max-sm:hidden">
                  <Sparkline number={device.info.number} direction={way} p50={p50} p90={p90} ceiling={largest / 4} />
                </span>
                <Rate kbit={device[way]} className="w-22 text-right font-medium" />
                <span className="hidden sm:block">
                  <Bullet use={device[way]} p50={p50} p90={p90} gets={gets} held={stands === "held"} width={80} />
                </span>
                <span className="num hidden w-26 text-caption text-muted md:block">
                  {gets >= 0 && words.top.of("")}
                  {gets >= 0 && <Rate kbit={gets} />}
                </span>
                <span className="shrink-0 text-right sm:w-14">
                  {stands !== "free" && (
                    <WhyButton
                      id={device.info.id}
                      name={device.info.name}
                      className={stands === "held" ? "border-crit" : ""}
                    />
                  )}
                </span>
              </li>
            );
          })}
        </ol>
      )}
    </Panel>
  );
}

const DECISIONS_MS = 10 * 60_000;
const DECISIONS_SHOWN = 6;

function Decisions() {
  const decisions = useLive((s) => s?.decisions);
  const second = useLive((s) => (s ? Math.floor(s.ts / 5000) * 5000 : 0));
  const recent = (decisions ?? []).filter((d) => second - d.at_ms < DECISIONS_MS).slice(0, DECISIONS_SHOWN);
  return (
    <Panel title={words.decisions.title} aside={words.decisions.lead}>
      {recent.length === 0 ? (
        <p className="py-4 text-muted">{words.decisions.empty}</p>
      ) : (
        <ol className="divide-y divide-line">
          {recent.map((decision) => (
            <li key={decision.id} className="flex gap-3 py-2">
              <Scale size={16} strokeWidth={1.75} aria-hidden className="mt-0.5 shrink-0 text-muted" />
              <div className="min-w-0 flex-1">
                <p data-private>{decision.sentence}</p>
                <p className="num text-caption text-muted">
                  <time
                    dateTime={new Date(decision.at_ms).toISOString()}
                    title={new Date(decision.at_ms).toISOString()}
                  >
                    {clock(decision.at_ms)} · {ago(decision.at_ms, second)}
                  </time>{" "}
                  · {words.decisions.by(decision.by)}
                </p>
              </div>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

/** A bar of 100 ms and a bar of 1 s must both be seen: logarithmic from 1 ms to 2 s. */
function waitShare(ms: number): number {
  return ms < 1 ? 0 : Math.min(1, Math.log10(ms) / Math.log10(2000));
}

function Queues() {
  const classes = useLive((s) => s?.classes);
  const shaping = useLive((s) => s?.status.links[0]?.shaping);
  const dropped = (classes ?? [])
    .slice(0, PROTECTED_COUNT)
    .reduce((sum, row) => sum + Math.max(0, row.drops_total ?? 0), 0);
  if (shaping !== undefined && shaping !== "on") {
    return (
      <Panel title={words.queues.title}>
        <p className="text-muted">{words.queues.notShaping}</p>
      </Panel>
    );
  }
  return (
    <Panel title={words.queues.title} aside={words.queues.lead}>
      <ol className="grid grid-cols-2 gap-x-6 gap-y-1 sm:grid-cols-[repeat(auto-fit,minmax(5.5rem,1fr))] sm:gap-x-3">
        {CLASSES.map((trafficClass, c) => {
          const row = classes?.[c];
          const wait = Math.max(
            drainMs(row?.backlog_down ?? 0, row?.down ?? 0),
            drainMs(row?.backlog_up ?? 0, row?.up ?? 0),
          );
          const drops = Math.max(0, row?.drops_down ?? 0) + Math.max(0, row?.drops_up ?? 0);
          return (
            <li
              key={trafficClass.word}
              title={`${trafficClass.title}: ${duration(wait)}, ${words.queues.drops(drops)}`}
              className={`min-w-0 py-1 ${c === PROTECTED_COUNT ? "sm:border-l sm:border-strong sm:pl-3" : ""}`}
            >
              <div className="flex items-center gap-1.5 text-table">
                <ClassLetter index={c} size={16} />
                <span className="truncate">{trafficClass.title}</span>
              </div>
              <div className="my-1 h-2 overflow-clip rounded-bar bg-track">
                <div className="h-full bg-text/70" style={{ width: `${waitShare(wait) * 100}%` }} />
              </div>
              <p className="num text-caption text-muted">
                {duration(wait)}
                {/* Its line is kept free, so that nothing jumps when packets are dropped. */}
                <span className="block min-h-4 text-text">{drops > 0 && words.queues.drops(drops)}</span>
              </p>
            </li>
          );
        })}
      </ol>
      <p className="num mt-2 flex flex-wrap justify-between gap-x-6 text-caption text-muted">
        <span>{words.queues.protectedDrops(dropped)}</span>
        <span>
          {words.queues.first} → {words.queues.last}
        </span>
      </p>
    </Panel>
  );
}
