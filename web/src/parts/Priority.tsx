import { useEffect, useId, useRef, useState } from "react";
import { create } from "zustand";
import { api, explain } from "../api";
import type { ChangeEffect, Device, DeviceEffect } from "../contract";
import { rateChange } from "../format";
import { live, useConnection } from "../live/live";
import { useSettings } from "../settings";
import { words } from "../words";
import { Popover } from "./Popover";
import { say } from "./toast";

/** How many levels are in use; 5 until the policy has been read. */
const useLevels = create<{ levels: number; asked: boolean }>(() => ({ levels: 5, asked: false }));

function readLevels() {
  if (useLevels.getState().asked) return;
  useLevels.setState({ asked: true });
  api.policy().then(
    (policy) => useLevels.setState({ levels: policy.levels }),
    () => useLevels.setState({ asked: false }),
  );
}

export function levelText(priority: number, levels: number): string {
  const name = words.priority.name(priority, levels);
  return name === "" ? String(priority) : `${priority} ${name}`;
}

/** Which device's priority is being edited, so that `p 1` can open it from the keyboard. */
export const usePriorityEdit = create<{ edit: { id: string; wanted: number | undefined } | undefined }>(() => ({
  edit: undefined,
}));

/** The level as a badge that is its own editor. */
export function PriorityBadge({ device, priority }: { device: Device; priority: number }) {
  const badge = useRef<HTMLButtonElement>(null);
  const levels = useLevels((s) => s.levels);
  const edit = usePriorityEdit((s) => (s.edit?.id === device.id ? s.edit : undefined));
  const connected = useConnection().kind === "live";
  useEffect(readLevels, []);
  const strong = priority <= 2 && levels === 5;
  return (
    <>
      <button
        ref={badge}
        type="button"
        disabled={!connected}
        aria-haspopup="dialog"
        aria-label={words.priority.edit(device.name, levelText(priority, levels))}
        title={levelText(priority, levels)}
        onClick={() => usePriorityEdit.setState({ edit: { id: device.id, wanted: undefined } })}
        data-priority={priority}
        className={`num inline-flex h-6 min-w-6 items-center justify-center gap-1 rounded-control border px-1.5 text-table hover:bg-hover ${
          strong ? "border-accent font-semibold text-accent" : "border-strong"
        }`}
      >
        {priority}
      </button>
      {edit && (
        <Popover
          anchor={badge.current}
          label={words.priority.edit(device.name, levelText(priority, levels))}
          onClose={() => usePriorityEdit.setState({ edit: undefined })}
        >
          <Editor device={device} priority={priority} wanted={edit.wanted} levels={levels} />
        </Popover>
      )}
    </>
  );
}

function Editor({
  device,
  priority,
  wanted,
  levels,
}: {
  device: Device;
  priority: number;
  wanted: number | undefined;
  levels: number;
}) {
  const name = useId();
  const [level, setLevel] = useState(wanted !== undefined && wanted <= levels ? wanted : priority);
  const [effect, setEffect] = useState<ChangeEffect>();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    setEffect(undefined);
    setProblem("");
    if (level === priority) return;
    let gone = false;
    api.preview(device.id, { priority: level }).then(
      (answer) => !gone && setEffect(answer),
      (error) => !gone && setProblem(explain(error)),
    );
    return () => {
      gone = true;
    };
  }, [device.id, level, priority]);

  async function apply() {
    setBusy(true);
    try {
      const { undo } = await api.change(device.id, { priority: level });
      live.refresh();
      say(
        words.priority.done(device.name, level),
        undo
          ? async () => {
              await api.change(device.id, undo);
              live.refresh();
            }
          : undefined,
      );
      usePriorityEdit.setState({ edit: undefined });
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
    }
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (level !== priority && !busy) apply();
      }}
    >
      <p className="font-medium">
        <span data-private>{device.name}</span>
      </p>
      <p className="mb-2 text-table text-muted">{words.priority.title}</p>
      <fieldset className={levels > 5 ? "grid grid-cols-5 gap-1" : "space-y-0.5"}>
        <legend className="sr-only">{words.priority.title}</legend>
        {Array.from({ length: levels }, (_, i) => i + 1).map((n) => (
          <label
            key={n}
            className="flex min-h-8 items-center gap-2 rounded-control px-2 hover:bg-hover has-checked:bg-hover has-checked:font-medium"
          >
            <input
              type="radio"
              name={name}
              value={n}
              checked={n === level}
              onChange={() => setLevel(n)}
              className="accent-accent"
            />
            <span className="num w-4">{n}</span>
            {words.priority.name(n, levels)}
          </label>
        ))}
      </fieldset>
      <div className="mt-3 min-h-16 border-t border-line pt-3 text-table" aria-live="polite">
        {problem !== "" ? (
          <p className="border-l-3 border-crit pl-2">{problem}</p>
        ) : level === priority ? null : effect === undefined ? (
          <p className="text-muted">{words.priority.asking}</p>
        ) : (
          <Effect effect={effect} id={device.id} />
        )}
      </div>
      <div className="mt-2 flex justify-end gap-2">
        <button type="button" className="control" onClick={() => usePriorityEdit.setState({ edit: undefined })}>
          {words.user.cancel}
        </button>
        <button type="submit" className="control primary" disabled={level === priority || busy}>
          {busy ? words.priority.applying : words.priority.apply}
        </button>
      </div>
    </form>
  );
}

const EFFECTS_SHOWN = 4;

/** "Anna 40 → 46 Mbit/s, NAS 10 → 6 Mbit/s", the changed device first. */
function Effect({ effect, id }: { effect: ChangeEffect; id: string }) {
  const unit = useSettings((s) => s.unit);
  const moved = effect.devices.toSorted((a, b) => Number(b.id === id) - Number(a.id === id));
  if (moved.length === 0) return <p>{words.priority.none}</p>;
  const line = (change: DeviceEffect) => {
    const size = (way: "download" | "upload") => Math.abs(change.after[way] - change.before[way]);
    const way = size("download") >= size("upload") ? "download" : "upload";
    return `${rateChange(change.before[way] / 1000, change.after[way] / 1000, unit)} ${way === "download" ? "↓" : "↑"}`;
  };
  return (
    <>
      <p className="mb-1 text-muted">{words.priority.effect}</p>
      <ul className="space-y-0.5">
        {moved.slice(0, EFFECTS_SHOWN).map((change) => (
          <li key={change.id} className="flex justify-between gap-3">
            <span data-private className="truncate">
              {change.name}
            </span>
            <span className="num whitespace-nowrap font-medium">{line(change)}</span>
          </li>
        ))}
      </ul>
      {moved.length > EFFECTS_SHOWN && (
        <p className="text-muted">{words.priority.more(moved.length - EFFECTS_SHOWN)}</p>
      )}
    </>
  );
}
