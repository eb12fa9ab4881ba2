import { useCallback, useEffect, useState } from "react";
import { api, explain } from "../api";
import type { CapacitySearch, Device, Grade, LinkStatus } from "../contract";
import { rateText } from "../format";
import { useConnection } from "../live/live";
import { useSettings } from "../settings";
import { words } from "../words";
import { DeviceName } from "./names";

/** What is told is of half a minute and more. */
const ASK_EVERY_MS = 5000;
const SHOWN = 12;

const TONES: Record<string, string> = { "A+": "text-ok", A: "text-ok", B: "text-info", C: "text-warn" };
const text = words.quality;

/** What the line carries and what it adds to round trips, and how the flows of each device fare. */
export function QualityPanel() {
  const connected = useConnection().kind === "live";
  const [answer, setAnswer] = useState<{ links: LinkStatus[]; devices: Device[] }>();
  const [problem, setProblem] = useState("");

  const ask = useCallback(async () => {
    try {
      const [status, devices] = await Promise.all([api.status(), api.devices()]);
      setAnswer({ links: status.links, devices });
      setProblem("");
    } catch (error) {
      setProblem(explain(error));
    }
  }, []);

  useEffect(() => {
    if (!connected) return;
    ask();
    const timer = setInterval(() => document.visibilityState === "visible" && ask(), ASK_EVERY_MS);
    return () => clearInterval(timer);
  }, [connected, ask]);

  return (
    <section className="card px-4 py-3" aria-labelledby="quality-title" data-testid="quality">
      <h2 id="quality-title" className="mb-2 text-lead">
        {text.title}
      </h2>
      {problem !== "" ? (
        <p role="alert">{problem}</p>
      ) : answer === undefined ? (
        <p className="py-4 text-muted">{text.loading}</p>
      ) : (
        <div className="grid grid-cols-1 gap-x-8 gap-y-3 lg:grid-cols-[1fr_1.6fr]">
          <div className="flex min-w-0 flex-col gap-3">
            {answer.links.map((link) => (
              <Line key={link.id} link={link} />
            ))}
          </div>
          <Fares devices={answer.devices} />
        </div>
      )}
    </section>
  );
}

function Line({ link }: { link: LinkStatus }) {
  return (
    <div className="min-w-0">
      <p className="flex items-baseline gap-3">
        <GradeLetter grade={link.grade ?? undefined} className="text-h1 font-semibold" />
        <span className="num text-table text-muted">
          {link.grade ? text.underLoad(link.grade.added_ms, link.grade.seconds) : text.notYet}
          {link.added_ms != null && <span className="block">{text.now(link.added_ms)}</span>}
        </span>
      </p>
      <Found way="↓" capacity={link.capacity.download} search={link.search?.download ?? undefined} />
      <Found way="↑" capacity={link.capacity.upload} search={link.search?.upload ?? undefined} />
    </div>
  );
}

/** One line: the capacity now, and why where it is looked for. */
function Found({ way, capacity, search }: { way: string; capacity: number; search?: CapacitySearch }) {
  const unit = useSettings((s) => s.unit);
  return (
    <p className="num mt-1 text-table">
      {way} {search ? search.sentence : text.stated(rateText(capacity / 1000, unit))}
      {search && (
        <span className="text-muted">
          {" "}
          {text.within(rateText(search.min / 1000, unit), rateText(search.max / 1000, unit))}
        </span>
      )}
    </p>
  );
}

function Fares({ devices }: { devices: readonly Device[] }) {
  const rows = devices
    .filter(({ fare }) => fare && (fare.rtt_lan_ms != null || fare.rtt_wan_ms != null || fare.grade))
    .sort((a, b) => b.usage.download + b.usage.upload - (a.usage.download + a.usage.upload))
    .slice(0, SHOWN);
  if (rows.length === 0) return <p className="text-table text-muted">{text.noFares}</p>;
  const ms = (value?: number | null) => (value == null ? "–" : text.ms(value));
  return (
    <div className="min-w-0 overflow-x-auto">
      <table className="num w-full text-table">
        <thead>
          <tr className="text-left text-caption text-muted">
            <th className="py-1 pr-3 font-medium">{text.columns.device}</th>
            <th className="py-1 pr-3 text-right font-medium">{text.columns.near}</th>
            <th className="py-1 pr-3 text-right font-medium">{text.columns.far}</th>
            <th className="py-1 pr-3 text-right font-medium">{text.columns.again}</th>
            <th className="py-1 font-medium">{text.columns.underLoad}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((device) => (
            <tr key={device.id} className="border-t border-line">
              <td className="max-w-40 truncate py-1 pr-3">
                <DeviceName device={device} />
              </td>
              <td className="py-1 pr-3 text-right">{ms(device.fare?.rtt_lan_ms)}</td>
              <td className="py-1 pr-3 text-right">{ms(device.fare?.rtt_wan_ms)}</td>
              <td className="py-1 pr-3 text-right">
                {device.fare?.retransmitted_percent == null ? "–" : `${device.fare.retransmitted_percent.toFixed(1)} %`}
              </td>
              <td className="py-1 whitespace-nowrap">
                <GradeLetter grade={device.fare?.grade ?? undefined} className="font-semibold" />
                {device.fare?.grade && <span className="text-muted"> +{text.ms(device.fare.grade.added_ms)}</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The letter says it, the colour repeats it. */
function GradeLetter({ grade, className }: { grade?: Grade; className: string }) {
  if (!grade) return <span className={`text-muted ${className}`}>–</span>;
  return <span className={`${TONES[grade.grade] ?? "text-crit"} ${className}`}>{grade.grade}</span>;
}
