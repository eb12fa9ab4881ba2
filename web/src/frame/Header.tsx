import {
  ArrowDown,
  ArrowDownUp,
  ArrowUp,
  Eye,
  EyeOff,
  Monitor,
  Moon,
  Pause,
  Play,
  Sun,
  TriangleAlert,
} from "lucide-react";
import type { ReactNode } from "react";
import { duration } from "../format";
import { live, useConnection, usePaused } from "../live/live";
import { useTick } from "../parts/useTick";
import { useRange } from "../range";
import { next, type Shown, THEMES, useSettings } from "../settings";
import { words } from "../words";
import { useStale } from "./useStale";

export function Header({ title }: { title: string }) {
  return (
    <header className="sticky top-0 z-20 border-b border-line bg-card/95 backdrop-blur-sm">
      <div className="mx-auto flex w-full max-w-[1680px] flex-wrap items-center gap-x-3 gap-y-2 px-3 py-2 sm:min-h-14 sm:px-6">
        <h1 className="mr-auto text-h2 sm:text-h1">{title}</h1>
        <Freshness />
        <div className="flex flex-wrap items-center gap-2 max-sm:order-last max-sm:w-full max-sm:justify-between">
          <RangeControl />
          <DirectionControl />
        </div>
        <div className="hidden items-center gap-2 sm:flex">
          <RedactButton />
          <ThemeButton />
        </div>
      </div>
    </header>
  );
}

/** Live, paused, old: said in words. */
function Freshness() {
  useTick(1000);
  const paused = usePaused();
  const connection = useConnection();
  const stale = useStale();
  if (paused) {
    return (
      <button type="button" className="control num border-accent text-accent" onClick={() => live.setPaused(false)}>
        <Play size={16} aria-hidden />
        {words.live.paused(duration(Math.max(1000, live.serverNow() - live.now())))} · {words.live.resume}
      </button>
    );
  }
  return (
    <div className="flex items-center gap-2">
      {stale ? (
        <span
          title={words.live.staleHint}
          className="num inline-flex items-center gap-1.5 text-table font-medium text-warn"
        >
          <TriangleAlert size={16} aria-hidden />
          {words.live.stale(duration(live.ageMs()))}
        </span>
      ) : (
        connection.kind === "live" && (
          <span className="inline-flex items-center gap-1.5 text-table text-muted">
            <span aria-hidden className="size-2 rounded-full bg-ok" />
            {words.live.live}
          </span>
        )
      )}
      <button
        type="button"
        className="control w-8 px-0"
        onClick={() => live.setPaused(true)}
        title={`${words.live.pause} (Space)`}
      >
        <Pause size={16} aria-hidden />
        <span className="sr-only">{words.live.pause}</span>
      </button>
    </div>
  );
}

function Segments<T extends string | number>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: readonly { value: T; label: string; face: ReactNode }[];
  onChange: (value: T) => void;
}) {
  return (
    <fieldset className="inline-flex overflow-clip rounded-control border border-line bg-card">
      <legend className="sr-only">{label}</legend>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          title={option.label}
          onClick={() => onChange(option.value)}
          className="inline-flex min-h-8 items-center gap-1 px-2.5 text-table whitespace-nowrap text-muted border-line [button+&]:border-l hover:bg-hover focus-visible:-outline-offset-2 aria-pressed:bg-hover aria-pressed:font-medium aria-pressed:text-text max-sm:min-h-10"
        >
          {option.face}
          {typeof option.face !== "string" && <span className="sr-only">{option.label}</span>}
        </button>
      ))}
    </fieldset>
  );
}

function RangeControl() {
  const range = useRange();
  return (
    <Segments
      label={words.live.range}
      value={range.minutes}
      options={range.offered.map((n) => ({ value: n, label: words.live.minutes(n), face: words.live.minutes(n) }))}
      onChange={range.set}
    />
  );
}

function DirectionControl() {
  const { shown, set } = useSettings();
  const options: { value: Shown; label: string; face: ReactNode }[] = [
    { value: "down", label: words.live.down, face: <ArrowDown size={16} aria-hidden /> },
    { value: "up", label: words.live.up, face: <ArrowUp size={16} aria-hidden /> },
    { value: "both", label: words.live.both, face: <ArrowDownUp size={16} aria-hidden /> },
  ];
  return (
    <Segments
      label={words.live.direction}
      value={shown}
      options={options}
      onChange={(value) => set({ shown: value })}
    />
  );
}

export function ThemeButton({ wide = false }: { wide?: boolean }) {
  const { theme, set } = useSettings();
  const Icon = theme === "system" ? Monitor : theme === "light" ? Sun : Moon;
  const label = `${words.user.theme}: ${words.user.themes[theme]}`;
  return (
    <button
      type="button"
      className={`control ${wide ? "min-h-11 w-full justify-start" : "w-8 px-0"}`}
      title={`${label} (Shift D)`}
      onClick={() => set({ theme: next(THEMES, theme) })}
    >
      <Icon size={16} aria-hidden />
      <span className={wide ? "" : "sr-only"}>{label}</span>
    </button>
  );
}

export function RedactButton({ wide = false }: { wide?: boolean }) {
  const { redact, set } = useSettings();
  const Icon = redact ? EyeOff : Eye;
  return (
    <button
      type="button"
      aria-pressed={redact}
      className={`control ${wide ? "min-h-11 w-full justify-start" : "w-8 px-0"}`}
      title={`${words.user.redact} (Shift R)`}
      onClick={() => set({ redact: !redact })}
    >
      <Icon size={16} aria-hidden />
      <span className={wide ? "" : "sr-only"}>{words.user.redact}</span>
    </button>
  );
}
