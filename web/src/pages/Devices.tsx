import { useNavigate, useSearch } from "@tanstack/react-router";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import {
  ArrowDown,
  ArrowDownWideNarrow,
  ArrowUp,
  ChevronDown,
  ChevronUp,
  Rows3,
  Rows4,
  Search,
  Snowflake,
} from "lucide-react";
import { type KeyboardEvent, useLayoutEffect, useMemo, useRef, useState } from "react";
import { CLASSES } from "../classes";
import { isActive, isHeld, parseFilter } from "../devices/filter";
import { standing, worstStanding } from "../devices/held";
import { nextOrder, type Order, type Sort, type SortKey } from "../devices/order";
import { ago, rateChange, rateText } from "../format";
import { live, useLive } from "../live/live";
import type { Direction } from "../live/series";
import type { DeviceNow } from "../live/state";
import { Bullet } from "../parts/Bullet";
import { ClassLetter, ClassTag } from "../parts/ClassTag";
import { addressOf, DeviceIcon, DeviceName } from "../parts/names";
import { Rate, Volume } from "../parts/numbers";
import { PriorityBadge, usePriorityEdit } from "../parts/Priority";
import { Sparkline } from "../parts/Sparkline";
import { useMedia } from "../parts/useMedia";
import { askWhy, WhyButton } from "../parts/Why";
import { useSettings } from "../settings";
import { useShortcuts } from "../shortcuts";
import { words } from "../words";

const { columns } = words.devices;

/** More rows than this are drawn only where they are seen. */
const VIRTUAL_FROM = 60;

const SORTS: readonly { key: SortKey; title: string }[] = [
  { key: "down", title: words.devices.sortDown },
  { key: "up", title: words.devices.sortUp },
  { key: "name", title: columns.name },
  { key: "priority", title: columns.priority },
  { key: "class", title: columns.class },
  { key: "gets", title: columns.gets },
  { key: "volume", title: columns.volume },
];

/** Who uses the link, who is held back? */
export function Devices() {
  const { q = "" } = useSearch({ from: "/frame/devices" });
  const navigate = useNavigate();
  const devices = useLive((s) => s?.devices);
  const { dense, set } = useSettings();
  const phone = useMedia("(max-width: 899px)");
  const [sort, setSort] = useState<Sort>({ key: "down", reverse: false });
  const [frozen, setFrozen] = useState(false);
  const [pointed, setPointed] = useState(false);
  const [focused, setFocused] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const order = useRef<Order>(undefined);
  const filter = useMemo(() => parseFilter(q), [q]);

  const now = live.now();
  if (devices) order.current = nextOrder(order.current, devices, sort, now, frozen || pointed || focused);
  const rows = (order.current?.numbers ?? []).flatMap((number) => {
    const device = devices?.get(number);
    return device && filter.matches(device, now) ? [device] : [];
  });
  const all = devices ? [...devices.values()] : [];
  const largest = all.reduce((most, d) => Math.max(most, d.down), 1);

  const setQuery = (text: string) =>
    navigate({
      to: ".",
      search: (before: Record<string, unknown>) => ({ ...before, q: text === "" ? undefined : text }),
      replace: true,
    });
  const pick = (key: SortKey) => setSort((before) => ({ key, reverse: before.key === key ? !before.reverse : false }));

  useShortcuts({
    "/": () => search.current?.focus(),
    f: () => setFrozen((is) => !is),
    s: () =>
      setSort((before) => {
        const at = SORTS.findIndex((each) => each.key === before.key);
        return { key: SORTS[(at + 1) % SORTS.length]?.key ?? "down", reverse: false };
      }),
    "Shift+S": () => setSort((before) => ({ ...before, reverse: !before.reverse })),
    j: () => step(list.current, 1),
    k: () => step(list.current, -1),
    w: () => {
      const device = focusedDevice(devices);
      if (device) askWhy(device.info.id, device.info.name);
    },
    ...Object.fromEntries(
      [1, 2, 3, 4, 5].map((wanted) => [
        `p ${wanted}`,
        () => {
          const device = focusedDevice(devices);
          if (device) usePriorityEdit.setState({ edit: { id: device.info.id, wanted } });
        },
      ]),
    ),
  });

  // Where everybody is new, as on the first day, the word says nothing.
  const row = { phone, dense, largest, now, tellNew: all.some((d) => !d.isNew) };
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <div className="relative min-w-64 flex-1">
          <Search size={16} aria-hidden className="absolute top-1/2 left-3 -translate-y-1/2 text-muted" />
          <input
            ref={search}
            type="search"
            value={q}
            aria-label={words.devices.filter}
            aria-describedby="filter-help"
            placeholder={words.devices.filterHint}
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => setQuery(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Escape") {
                if (q !== "") setQuery("");
                else search.current?.blur();
              }
            }}
            className="h-9 w-full rounded-control border border-strong bg-card pr-3 pl-9 placeholder:text-muted max-sm:h-11 max-sm:text-lead"
          />
        </div>
        {phone && (
          <label className="control max-sm:min-h-11">
            <ArrowDownWideNarrow size={16} aria-hidden />
            <span className="sr-only">{words.devices.sort}</span>
            <select
              className="bg-card text-text outline-none"
              value={sort.key}
              onChange={(event) => setSort({ key: event.target.value as SortKey, reverse: false })}
            >
              {SORTS.map(({ key, title }) => (
                <option key={key} value={key}>
                  {title}
                </option>
              ))}
            </select>
          </label>
        )}
        <button
          type="button"
          className="control max-sm:min-h-11"
          aria-pressed={frozen}
          onClick={() => setFrozen(!frozen)}
          title="f"
        >
          <Snowflake size={16} aria-hidden />
          {frozen ? words.devices.frozen : words.devices.freeze}
        </button>
        {!phone && (
          <button
            type="button"
            className="control"
            aria-pressed={dense}
            onClick={() => set({ dense: !dense })}
            title={dense ? words.devices.comfortable : words.devices.dense}
          >
            {dense ? <Rows4 size={16} aria-hidden /> : <Rows3 size={16} aria-hidden />}
            <span className="sr-only">{words.devices.dense}</span>
          </button>
        )}
      </div>
      <p id="filter-help" className="num text-table text-muted">
        {words.devices.counts(all.filter((d) => isActive(d, now)).length, all.length, all.filter(isHeld).length)}
        {q !== "" && ` · ${words.devices.matching(rows.length)}`}
        {filter.unknown.map((term) => (
          <span key={term} className="text-warn">
            {" "}
            · {words.devices.filterBad(term)}
          </span>
        ))}
      </p>

      {devices === undefined ? (
        <Skeleton />
      ) : all.length === 0 ? (
        <Empty title={words.devices.empty} hint={words.devices.emptyHint} />
      ) : rows.length === 0 ? (
        <Empty title={words.devices.noMatch}>
          <button type="button" className="control mt-3" onClick={() => setQuery("")}>
            {words.devices.clear}
          </button>
        </Empty>
      ) : (
        // biome-ignore lint/a11y/noStaticElementInteractions: only watches where the pointer and the focus are
        <div
          ref={list}
          className="card @container overflow-clip"
          onPointerEnter={(event) => event.pointerType === "mouse" && setPointed(true)}
          onPointerLeave={() => setPointed(false)}
          onFocus={() => setFocused(true)}
          onBlur={(event) => {
            if (!list.current?.contains(event.relatedTarget)) setFocused(false);
          }}
        >
          {phone ? <Lines rows={rows} row={row} /> : <TableOf rows={rows} row={row} sort={sort} onSort={pick} />}
        </div>
      )}
    </div>
  );
}

interface RowContext {
  phone: boolean;
  dense: boolean;
  largest: number;
  now: number;
  tellNew: boolean;
}

/** Which part of `rows` to draw, and how much room the others take above and below. */
function useVirtual(count: number, height: number) {
  const top = useRef<HTMLDivElement>(null);
  const [margin, setMargin] = useState(0);
  useLayoutEffect(() => {
    const at = top.current?.getBoundingClientRect().top;
    if (at !== undefined) setMargin(at + window.scrollY);
  }, []);
  const on = count > VIRTUAL_FROM;
  const virtual = useWindowVirtualizer({
    count,
    estimateSize: () => height,
    overscan: 10,
    scrollMargin: margin,
    enabled: on,
  });
  if (!on) return { top, from: 0, to: count, above: 0, below: 0 };
  const items = virtual.getVirtualItems();
  const first = items[0];
  const last = items.at(-1);
  return {
    top,
    from: first?.index ?? 0,
    to: (last?.index ?? -1) + 1,
    above: first ? first.start - margin : 0,
    below: last ? virtual.getTotalSize() - (last.end - margin) : count * height,
  };
}

function TableOf({
  rows,
  row,
  sort,
  onSort,
}: {
  rows: readonly DeviceNow[];
  row: RowContext;
  sort: Sort;
  onSort: (key: SortKey) => void;
}) {
  const height = row.dense ? 29 : 41;
  const { top, from, to, above, below } = useVirtual(rows.length, height);
  const head = (key: SortKey | undefined, title: React.ReactNode, className = "") => (
    <th
      scope="col"
      aria-sort={
        key === undefined ? undefined : sort.key === key ? (sort.reverse ? "ascending" : "descending") : "none"
      }
      className={`h-9 px-2 font-medium whitespace-nowrap ${className}`}
    >
      {key === undefined ? (
        title
      ) : (
        <button
          type="button"
          className="inline-flex min-h-6 items-center gap-1 hover:text-text"
          onClick={() => onSort(key)}
        >
          {title}
          {sort.key === key &&
            (sort.reverse ? <ChevronUp size={14} aria-hidden /> : <ChevronDown size={14} aria-hidden />)}
        </button>
      )}
    </th>
  );
  return (
    <div ref={top}>
      <table className="w-full text-left text-table" aria-rowcount={rows.length + 1}>
        <thead className="border-b border-line text-caption text-muted">
          <tr>
            {head(undefined, <span className="sr-only">{columns.state}</span>, "w-9 pl-4")}
            {head("name", columns.name)}
            {head("priority", columns.priority)}
            {head("class", columns.class)}
            {head(undefined, `${columns.recent} ↓`, "@max-[860px]:hidden")}
            {head("down", <Way way="down" text={`${columns.down}`} />, "text-right")}
            {head("up", <Way way="up" text={`${columns.up}`} />, "text-right")}
            {head("gets", `${columns.gets} ↓`)}
            {head("volume", columns.volume, "text-right @max-[1080px]:hidden")}
            {head(undefined, <span className="sr-only">{columns.why}</span>, "w-20 pr-4")}
          </tr>
        </thead>
        <tbody>
          {above > 0 && <Spacer height={above} />}
          {rows.slice(from, to).map((device, i) => (
            <TableRow key={device.info.number} device={device} row={row} index={from + i + 2} />
          ))}
          {below > 0 && <Spacer height={below} />}
        </tbody>
      </table>
    </div>
  );
}

function Way({ way, text }: { way: Direction; text: string }) {
  const Icon = way === "down" ? ArrowDown : ArrowUp;
  return (
    <>
      <Icon size={14} aria-hidden />
      <span className="sr-only">{words.live[way]}</span>
      {text}
    </>
  );
}

function Spacer({ height }: { height: number }) {
  return (
    <tr>
      <td colSpan={10} className="p-0" style={{ height }} />
    </tr>
  );
}

/** Active, quiet, held or new: an icon's worth of colour, and the word. */
function StateMark({ device, now }: { device: DeviceNow; now: number }) {
  const active = isActive(device, now);
  const stands = worstStanding(device);
  const word =
    stands !== "free"
      ? words.devices.states[stands]
      : device.isNew
        ? words.devices.states.new
        : active
          ? words.devices.states.active
          : words.devices.states.idle;
  return (
    <span className="inline-grid size-5 place-items-center" title={word}>
      <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
        {stands === "held" ? (
          <path d="M6 1 11.5 11H.5Z" className="fill-crit" />
        ) : active ? (
          <circle cx="6" cy="6" r="4" className="fill-ok" />
        ) : (
          <circle cx="6" cy="6" r="3.5" className="fill-none stroke-strong" strokeWidth="1.5" />
        )}
      </svg>
      <span className="sr-only">{word}</span>
    </span>
  );
}

function NameCell({ device, row, compact }: { device: DeviceNow; row: RowContext; compact: boolean }) {
  const active = isActive(device, row.now);
  const stands = worstStanding(device);
  const quietFor = row.now - device.activeAt > 3000;
  return (
    <span className={`flex min-w-0 items-center gap-2 ${active ? "" : "text-muted"}`}>
      <DeviceIcon kind={device.info.kind} />
      <span className="min-w-0">
        <span className="flex min-w-0 items-center gap-2">
          <DeviceName device={device.info} className="font-medium" />
          {stands === "held" && <Chip tone="crit">{words.devices.states.held}</Chip>}
          {stands === "borrows" && (
            <span title={words.devices.borrowsHint}>
              <Chip tone="info">{words.devices.states.borrows}</Chip>
            </span>
          )}
          {device.isNew && row.tellNew && <Chip tone="info">{words.devices.states.new}</Chip>}
        </span>
        {!compact && (
          <span className="num block truncate text-caption leading-tight text-muted">
            {quietFor && !active ? (
              words.devices.lastSeen(ago(device.activeAt, row.now))
            ) : (
              <>
                <span data-private className="font-mono">
                  {addressOf(device.info)}
                </span>
                {device.info.vendor !== "" && <span> · {device.info.vendor}</span>}
              </>
            )}
          </span>
        )}
      </span>
    </span>
  );
}

function Chip({ tone, children }: { tone: "crit" | "info"; children: React.ReactNode }) {
  return (
    <span
      className={`rounded-bar border px-1 text-[0.6875rem] leading-4 font-medium ${
        tone === "crit" ? "border-crit text-crit" : "border-info text-info"
      }`}
    >
      {children}
    </span>
  );
}

/** Keys of a focused row: up, down, Enter for why. */
function onRowKey(event: KeyboardEvent<HTMLElement>, device: DeviceNow) {
  if (event.target !== event.currentTarget) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    step(event.currentTarget.parentElement, event.key === "ArrowDown" ? 1 : -1);
    event.preventDefault();
  } else if (event.key === "Enter") askWhy(device.info.id, device.info.name);
  else if (event.key === "Escape") event.currentTarget.blur();
}

function TableRow({ device, row, index }: { device: DeviceNow; row: RowContext; index: number }) {
  const unit = useSettings((s) => s.unit);
  const cell = `${row.dense ? "h-7 py-0" : "h-10 py-0.5"} px-2`;
  return (
    <tr
      tabIndex={-1}
      data-row={device.info.number}
      aria-rowindex={index}
      onKeyDown={(event) => onRowKey(event, device)}
      className="border-b border-line last:border-0 hover:bg-hover focus:bg-hover focus-visible:-outline-offset-2"
    >
      <td className={`${cell} pl-4`}>
        <StateMark device={device} now={row.now} />
      </td>
      <th scope="row" className={`${cell} max-w-72 text-left font-normal`}>
        <NameCell device={device} row={row} compact={row.dense} />
      </th>
      <td className={cell}>
        <PriorityBadge device={device.info} priority={device.priority} />
      </td>
      <td className={cell}>
        <ClassTag index={device.mainClass} />
      </td>
      <td className={`${cell} @max-[860px]:hidden`}>
        <Sparkline
          number={device.info.number}
          direction="down"
          p50={device.p50Down}
          p90={device.p90Down}
          ceiling={row.largest / 8}
        />
      </td>
      <td className={`${cell} text-right font-medium`} data-cell="down">
        <Rate kbit={device.down} />
      </td>
      <td className={`${cell} text-right`}>
        <Rate kbit={device.up} />
      </td>
      <td className={cell}>
        <span className="flex items-center gap-2">
          <Bullet
            use={device.down}
            p50={device.p50Down}
            p90={device.p90Down}
            gets={device.getsDown}
            held={standing(device, "down") === "held"}
          />
          <span className="num whitespace-nowrap text-muted @max-[960px]:hidden">
            <span className={standing(device, "down") === "held" ? "font-medium text-text" : ""}>
              {device.p50Down < 0
                ? `${words.devices.noForecast} → ${rateText(device.getsDown, unit)}`
                : rateChange(device.p50Down, device.getsDown, unit)}
            </span>
          </span>
        </span>
      </td>
      <td className={`${cell} text-right @max-[1080px]:hidden`}>
        <Volume bytes={device.info.volume_today.download + device.info.volume_today.upload} />
      </td>
      <td className={`${cell} pr-4 text-right`}>
        <WhyButton
          id={device.info.id}
          name={device.info.name}
          className={isHeld(device) ? "" : "border-transparent bg-transparent"}
        />
      </td>
    </tr>
  );
}

/** Two lines a device, for narrow screens. */
function Lines({ rows, row }: { rows: readonly DeviceNow[]; row: RowContext }) {
  const { top, from, to, above, below } = useVirtual(rows.length, 85);
  return (
    <div ref={top}>
      <ul>
        {above > 0 && <li aria-hidden style={{ height: above }} />}
        {rows.slice(from, to).map((device) => (
          <li
            key={device.info.number}
            tabIndex={-1}
            data-row={device.info.number}
            onKeyDown={(event) => onRowKey(event, device)}
            className="grid gap-1 border-b border-line px-3 py-2 last:border-0 focus:bg-hover focus-visible:-outline-offset-2"
          >
            <div className="flex items-center gap-2">
              <PriorityBadge device={device.info} priority={device.priority} />
              <ClassLetter index={device.mainClass} />
              <span className="sr-only">{CLASSES[device.mainClass]?.title}</span>
              <span className="min-w-0 flex-1">
                <NameCell device={device} row={row} compact />
              </span>
              <Sparkline
                number={device.info.number}
                direction="down"
                p50={device.p50Down}
                p90={device.p90Down}
                ceiling={row.largest / 8}
              />
            </div>
            <div className="flex items-center gap-3 text-table">
              <span className="inline-flex items-center gap-1 font-medium" data-cell="down">
                <ArrowDown size={14} aria-label={words.live.down} className="text-muted" />
                <Rate kbit={device.down} />
              </span>
              <span className="inline-flex items-center gap-1 text-muted">
                <ArrowUp size={14} aria-label={words.live.up} />
                <Rate kbit={device.up} />
              </span>
              <span className="num ml-auto whitespace-nowrap text-muted">
                → <Rate kbit={device.getsDown} />
              </span>
              <WhyButton
                id={device.info.id}
                name={device.info.name}
                className={`max-sm:min-h-10 ${isHeld(device) ? "" : "border-transparent bg-transparent"}`}
              />
            </div>
          </li>
        ))}
        {below > 0 && <li aria-hidden style={{ height: below }} />}
      </ul>
    </div>
  );
}

function Skeleton() {
  return (
    <div className="card divide-y divide-line" aria-hidden>
      {Array.from({ length: 8 }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
        <div key={i} className="flex h-10 items-center gap-4 px-4">
          <div className="h-3 w-40 rounded-bar bg-track" />
          <div className="h-3 w-24 rounded-bar bg-track" />
          <div className="ml-auto h-3 w-32 rounded-bar bg-track" />
        </div>
      ))}
    </div>
  );
}

function Empty({ title, hint, children }: { title: string; hint?: string; children?: React.ReactNode }) {
  return (
    <div className="card px-4 py-12 text-center">
      <p className="text-lead font-medium">{title}</p>
      {hint && <p className="mt-1 text-muted">{hint}</p>}
      {children}
    </div>
  );
}

/** Moves the focus to the next or the one before. */
function step(list: Element | null, by: number) {
  const rows = [...(list?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
  const at = rows.findIndex((each) => each === document.activeElement || each.contains(document.activeElement));
  const wanted = at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by));
  rows[wanted]?.focus();
}

function focusedDevice(devices: ReadonlyMap<number, DeviceNow> | undefined): DeviceNow | undefined {
  const number = document.activeElement?.closest<HTMLElement>("[data-row]")?.dataset.row;
  return number === undefined ? undefined : devices?.get(Number(number));
}
