import { useCallback, useEffect, useId, useState } from "react";
import { api, explain } from "../api";
import type { Outlook, QuotaOutlook, VolumeBand } from "../contract";
import { clockAt, dateAt, volume, volumeText } from "../format";
import { useConnection, useLive } from "../live/live";
import { words } from "../words";

/** It changes by the hour. */
const ASK_EVERY_MS = 5 * 60_000;
const HOUR_MS = 3_600_000;

/** The next hour and day, when it is busy, and when the quota runs out: of the link, or of one device. */
export function OutlookPanel() {
  const connected = useConnection().kind === "live";
  const [device, setDevice] = useState("");
  const [answer, setAnswer] = useState<{ device: string; outlook: Outlook }>();
  const [problem, setProblem] = useState("");

  const ask = useCallback(async () => {
    try {
      setAnswer({ device, outlook: await api.outlook(device) });
      setProblem("");
    } catch (error) {
      setProblem(explain(error));
    }
  }, [device]);

  useEffect(() => {
    if (!connected) return;
    ask();
    const timer = setInterval(() => document.visibilityState === "visible" && ask(), ASK_EVERY_MS);
    return () => clearInterval(timer);
  }, [connected, ask]);

  const outlook = answer?.device === device ? answer.outlook : undefined;
  return (
    <section className="card px-4 py-3" aria-labelledby="outlook-title" data-testid="outlook">
      <header className="mb-2 flex min-h-6 flex-wrap items-baseline gap-x-3 gap-y-1">
        <h2 id="outlook-title" className="text-lead">
          {words.outlook.title}
        </h2>
        <Of value={device} onChange={setDevice} />
      </header>
      {problem !== "" ? (
        <p role="alert">{problem}</p>
      ) : outlook === undefined ? (
        <p className="py-4 text-muted">{words.outlook.loading}</p>
      ) : outlook.both.season === "learning" ? (
        <p className="py-4 text-muted">{words.outlook.learning(outlook.recorded_hours)}</p>
      ) : (
        <div className="grid grid-cols-1 gap-x-8 gap-y-3 lg:grid-cols-[1fr_1.6fr]">
          <Figures outlook={outlook} />
          <Bars outlook={outlook} />
        </div>
      )}
      {outlook?.quota && <Quota quota={outlook.quota} offset={outlook.utc_offset_s} />}
    </section>
  );
}

/** Whose outlook it is. */
function Of({ value, onChange }: { value: string; onChange: (device: string) => void }) {
  const devices = useLive((s) => s?.devices);
  const all = [...(devices?.values() ?? [])]
    .map(({ info }) => ({ id: info.id, name: info.name || info.id }))
    .sort((a, b) => a.name.localeCompare(b.name));
  return (
    <select
      aria-label={words.outlook.of}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      className="ml-auto max-w-full rounded-bar border border-line bg-card px-2 py-1 text-table"
      data-private
    >
      <option value="">{words.outlook.link}</option>
      {all.map(({ id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
    </select>
  );
}

function Figures({ outlook }: { outlook: Outlook }) {
  const { both, download, upload } = outlook;
  const rows = [
    { word: words.outlook.hour, band: both.hours[0], ways: [download.hours[0], upload.hours[0]] },
    { word: words.outlook.day, band: both.day, ways: [download.day, upload.day] },
  ];
  return (
    <div className="min-w-0">
      <dl className="grid grid-cols-2 gap-4 lg:grid-cols-1 lg:gap-2">
        {rows.map(({ word, band, ways }) => (
          <div key={word} className="min-w-0">
            <dt className="text-caption font-medium text-muted">{word}</dt>
            <dd>
              <p className="num text-h2 leading-[1.2] font-semibold">
                <BigVolume bytes={band?.p50 ?? -1} />{" "}
                <span className="text-table font-normal text-muted">{words.tiles.likely}</span>
              </p>
              <p className="num text-table text-muted">
                {words.outlook.atMost(volumeText(band?.p90 ?? -1))}
                <span className="block">
                  ↓ {volumeText(ways[0]?.p50 ?? -1)} · ↑ {volumeText(ways[1]?.p50 ?? -1)}
                </span>
              </p>
            </dd>
          </div>
        ))}
      </dl>
      <p className="mt-2 text-table">
        <span className="text-muted">{words.outlook.busy}: </span>
        {busiest(outlook)}
      </p>
    </div>
  );
}

function BigVolume({ bytes }: { bytes: number }) {
  const { value, unit } = volume(bytes);
  return (
    <>
      {value} <span className="text-[0.7em] font-normal">{unit}</span>
    </>
  );
}

function busiest({ both: { busy } }: Outlook): string {
  const weekly = busy.usual.length > 24;
  const stretches = busy.busiest.map(({ from, hours }) => {
    const clock = (hour: number) => `${String(hour % 24).padStart(2, "0")}:00`;
    const day = weekly ? `${words.outlook.days[Math.floor(from / 24)]} ` : "";
    // Word joiner and hard space: a stretch stays on one line.
    return `${day}${clock(from)}\u2060–\u2060${clock(from + hours)}`.replaceAll(" ", "\u00a0");
  });
  return stretches.length === 0 ? words.outlook.even : stretches.join(", ");
}

const WIDTH = 480;
const HEIGHT = 96;
const STEP = WIDTH / 24;

/** One bar an hour: what is likely, and hatched what it may be at most. */
function Bars({ outlook }: { outlook: Outlook }) {
  const hatch = useId();
  const { hours } = outlook.both;
  const top = Math.max(1, ...hours.map((hour) => hour.p90));
  const height = (bytes: number) => (bytes / top) * HEIGHT;
  const clock = (index: number) => clockAt(outlook.from_ms + index * HOUR_MS, outlook.utc_offset_s);
  const says = (band: VolumeBand, index: number) =>
    `${clock(index)}: ${volumeText(band.p50)} ${words.tiles.likely}, ${words.outlook.atMost(volumeText(band.p90))}`;
  return (
    <figure className="min-w-0" aria-label={words.outlook.bars}>
      <div className="flex items-baseline justify-between text-caption text-muted">
        <span className="num">{volumeText(top)}</span>
        <span>{words.outlook.key}</span>
      </div>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        className="h-24 w-full lg:h-40"
        aria-hidden="true"
      >
        <defs>
          <pattern id={hatch} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="1.4" height="6" className="fill-text" opacity=".5" />
          </pattern>
        </defs>
        {hours.map((band, index) => (
          <g key={clock(index)}>
            <title>{says(band, index)}</title>
            <rect x={index * STEP} width={STEP} height={HEIGHT} fill="transparent" />
            <rect
              x={index * STEP + 2}
              y={HEIGHT - height(band.p90)}
              width={STEP - 4}
              height={height(band.p90 - band.p50)}
              fill={`url(#${CSS.escape(hatch)})`}
            />
            <rect
              x={index * STEP + 2}
              y={HEIGHT - height(band.p50)}
              width={STEP - 4}
              height={height(band.p50)}
              className="fill-accent"
              opacity=".42"
            />
            <rect
              x={index * STEP + 2}
              y={Math.min(HEIGHT - 1.5, HEIGHT - height(band.p50))}
              width={STEP - 4}
              height="1.5"
              className="fill-text"
            />
          </g>
        ))}
        <rect y={HEIGHT - 0.5} width={WIDTH} height=".5" className="fill-strong" />
      </svg>
      <div className="num grid grid-cols-[repeat(8,1fr)] text-caption text-muted" aria-hidden="true">
        {hours.map((_, index) => index % 3 === 0 && <span key={clock(index)}>{clock(index)}</span>)}
      </div>
      <table className="sr-only">
        <caption>{words.outlook.bars}</caption>
        <thead>
          <tr>
            <th scope="col">{words.river.time}</th>
            <th scope="col">{words.tiles.likely}</th>
            <th scope="col">{words.tiles.atMost}</th>
          </tr>
        </thead>
        <tbody>
          {hours.map((band, index) => (
            <tr key={clock(index)}>
              <th scope="row">{clock(index)}</th>
              <td>{volumeText(band.p50)}</td>
              <td>{volumeText(band.p90)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}

/** How much of the quota is gone, how much will be, and when it runs out. */
function Quota({ quota, offset }: { quota: QuotaOutlook; offset: number }) {
  const hatch = useId();
  const on = (ms: number) => dateAt(ms, offset);
  const end = quota.at_end;
  const top = Math.max(quota.volume, end?.p90 ?? 0, quota.used, 1);
  const part = (bytes: number) => (bytes / top) * 400;
  const runsOut = quota.runs_out === "already" || quota.likely_ms !== undefined;
  return (
    <div className="mt-3 border-t border-line pt-3">
      <p className="num flex flex-wrap gap-x-3">
        <span className={runsOut ? "font-semibold text-crit" : ""}>{quotaSentence(quota, on)}</span>
        <span className="text-muted">
          {words.outlook.used(volumeText(quota.used), volumeText(quota.volume), on(quota.from_ms))}
          {quota.missing_s >= 3600 && ` ${words.outlook.missing(Math.round(quota.missing_s / 3600))}`}
        </span>
      </p>
      <svg viewBox="0 0 400 14" preserveAspectRatio="none" aria-hidden="true" className="mt-1 h-3.5 w-full">
        <defs>
          <pattern id={hatch} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="1.4" height="6" className="fill-text" opacity=".5" />
          </pattern>
        </defs>
        <rect y="3" width="400" height="8" rx="3" className="fill-track" />
        {end && (
          <>
            <rect y="3" width={part(end.p50)} height="8" className="fill-accent" opacity=".42" />
            <rect
              x={part(end.p50)}
              y="3"
              width={part(end.p90 - end.p50)}
              height="8"
              fill={`url(#${CSS.escape(hatch)})`}
            />
          </>
        )}
        <rect y="3" width={part(quota.used)} height="8" rx="3" className="fill-accent" />
        <rect x={Math.min(398, part(quota.volume) - 1)} width="2" height="14" className="fill-warn" />
      </svg>
      {end && (
        <p className="num text-caption text-muted">
          {words.outlook.atEnd(on(quota.to_ms), volumeText(end.p50), volumeText(end.p90))}
        </p>
      )}
    </div>
  );
}

function quotaSentence(quota: QuotaOutlook, on: (ms: number) => string): string {
  const end = on(quota.to_ms);
  switch (quota.runs_out) {
    case "already":
      return words.outlook.already(end);
    case "not_in_this_period":
      return words.outlook.lasts(end);
    case "expected": {
      const earliest = on(quota.earliest_ms ?? quota.to_ms);
      if (quota.likely_ms === undefined) return words.outlook.mayRunOut(earliest, end);
      const latest =
        quota.latest_ms === undefined ? words.outlook.perhapsNot(end) : words.outlook.latest(on(quota.latest_ms));
      return words.outlook.runsOut(on(quota.likely_ms), earliest, latest);
    }
    default:
      return words.outlook.quotaLearning;
  }
}
