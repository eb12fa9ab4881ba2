import { CircleAlert, Eye, EyeOff, Hourglass, Info, PlugZap } from "lucide-react";
import type { ReactNode } from "react";
import { duration } from "../format";
import { live, useConnection, useLive } from "../live/live";
import { useTick } from "../parts/useTick";
import { useSettings } from "../settings";
import { words } from "../words";

/** Slim bars under the header: each says one thing that changes how the page must be read. */
export function Bars() {
  return (
    <section aria-label={words.bars.title}>
      <ConnectionBar />
      <ShapingBar />
      <RedactBar />
    </section>
  );
}

const TONES = {
  info: "border-l-info [&_svg]:text-info",
  warn: "border-l-warn [&_svg]:text-warn",
  crit: "border-l-crit [&_svg]:text-crit",
};

function Bar({ tone, icon, children }: { tone: keyof typeof TONES; icon: ReactNode; children: ReactNode }) {
  return (
    <div className={`border-b border-l-3 border-line bg-card ${TONES[tone]}`}>
      <div className="mx-auto flex w-full max-w-[1680px] flex-wrap items-center gap-x-2 gap-y-1 px-3 py-1.5 text-table sm:px-6">
        <span className="shrink-0" aria-hidden>
          {icon}
        </span>
        {children}
      </div>
    </div>
  );
}

function ConnectionBar() {
  const connection = useConnection();
  useTick(connection.kind === "lost" ? 250 : 0);
  if (connection.kind === "live") return null;
  if (connection.kind === "connecting") {
    return (
      <Bar tone="info" icon={<PlugZap size={16} />}>
        {words.live.connecting}
      </Bar>
    );
  }
  const now = performance.now();
  const wait = connection.retryAt - now;
  return (
    <Bar tone="crit" icon={<PlugZap size={16} />}>
      <span role="alert">{words.live.lost(duration(Math.max(1000, now - connection.lostAt)))}</span>
      <span className="num text-muted">
        {wait > 0 ? words.live.retry(duration(Math.max(1000, wait))) : words.live.retrying}
      </span>
      <button type="button" className="control min-h-7" onClick={live.retryNow}>
        {words.live.now}
      </button>
    </Bar>
  );
}

/** After this long without a forecast it is not time that is missing. */
const LEARNING_MS = 5 * 60_000;

function ShapingBar() {
  const mode = useLive((state) => state?.status.mode);
  const shaping = useLive((state) => state?.status.links[0]?.shaping);
  const detail = useLive((state) => state?.status.links[0]?.shaping_detail ?? "");
  const started = useLive((state) => state?.status.started_ms);
  const learning = useLive((state) => state !== undefined && (state.link.p50_down_60 ?? -1) < 0);
  const second = useLive((state) => (state ? Math.floor(state.ts / 1000) : 0));
  const age = started === undefined ? Number.POSITIVE_INFINITY : second * 1000 - started;
  return (
    <>
      {mode === "observe" && (
        <Bar tone="info" icon={<Eye size={16} />}>
          <span>{words.bars.observe}</span>
          {detail !== "" && <span className="text-muted">{detail}</span>}
        </Bar>
      )}
      {mode === "suggest" && (
        <Bar tone="info" icon={<Info size={16} />}>
          {words.bars.suggest}
        </Bar>
      )}
      {mode === "control" && (shaping === "failed" || shaping === "off") && (
        <Bar tone="warn" icon={<CircleAlert size={16} />}>
          <span>{shaping === "failed" ? words.bars.failed : words.bars.off}</span>
          {detail !== "" && <span className="font-mono text-muted">{detail}</span>}
        </Bar>
      )}
      {learning && age >= 0 && age < LEARNING_MS && (
        <Bar tone="info" icon={<Hourglass size={16} />}>
          <span className="num">{words.bars.starting(duration(Math.max(1000, age)))}</span>
        </Bar>
      )}
    </>
  );
}

function RedactBar() {
  const { redact, set } = useSettings();
  if (!redact) return null;
  return (
    <Bar tone="info" icon={<EyeOff size={16} />}>
      <span>{words.bars.redacted}</span>
      <button type="button" className="control min-h-7" onClick={() => set({ redact: false })}>
        {words.bars.show}
      </button>
    </Bar>
  );
}
