import { Eye, Lightbulb, type LucideIcon, SlidersHorizontal } from "lucide-react";
import { useState } from "react";
import { api, explain } from "../api";
import type { Mode } from "../contract";
import { live, useConnection, useLive } from "../live/live";
import { Sheet } from "../parts/Sheet";
import { say } from "../parts/toast";
import { words } from "../words";

const MODES: readonly { mode: Mode; Icon: LucideIcon }[] = [
  { mode: "observe", Icon: Eye },
  { mode: "suggest", Icon: Lightbulb },
  { mode: "control", Icon: SlidersHorizontal },
];

/** The mode in force, always in sight; the frames say it sooner than the status. */
function useMode(): Mode | undefined {
  return useLive((state) => (state ? (MODES[state.link.mode ?? -1]?.mode ?? state.status.mode) : undefined));
}

/** Three segments in the wide rail, one button in the narrow one. */
export function ModeSwitch() {
  const mode = useMode();
  const [asked, setAsked] = useState<Mode>();
  const connected = useConnection().kind === "live";
  return (
    <>
      <div className="max-lg:hidden">
        <p aria-hidden className="mb-1 text-caption font-medium text-muted">
          {words.mode.title}
        </p>
        <fieldset className="grid grid-cols-3 overflow-clip rounded-control border border-line">
          <legend className="sr-only">{words.mode.title}</legend>
          {MODES.map(({ mode: each, Icon }) => (
            <button
              key={each}
              type="button"
              aria-pressed={each === mode}
              disabled={!connected}
              title={words.mode.hints[each]}
              onClick={() => each !== mode && setAsked(each)}
              className="flex flex-col items-center gap-0.5 py-1.5 text-caption text-muted border-line [button+&]:border-l hover:bg-hover focus-visible:-outline-offset-2 aria-pressed:bg-accent aria-pressed:font-medium aria-pressed:text-on-accent"
            >
              <Icon size={16} strokeWidth={1.75} aria-hidden />
              {words.mode.names[each]}
            </button>
          ))}
        </fieldset>
      </div>
      <ModeButton className="flex w-full flex-col items-center gap-0.5 rounded-control py-1.5 text-caption font-medium text-accent hover:bg-hover lg:hidden" />
      {asked && <ConfirmMode mode={asked} onClose={() => setAsked(undefined)} />}
    </>
  );
}

/** The mode as one button that opens the choice. */
export function ModeButton({ className }: { className: string }) {
  const mode = useMode();
  const [open, setOpen] = useState(false);
  const [asked, setAsked] = useState<Mode>();
  const connected = useConnection().kind === "live";
  const Icon = MODES.find((each) => each.mode === mode)?.Icon ?? Eye;
  return (
    <>
      <button type="button" className={className} onClick={() => setOpen(true)}>
        <Icon size={20} strokeWidth={1.75} aria-hidden />
        <span className="sr-only">{words.mode.title}: </span>
        {mode ? words.mode.names[mode] : words.mode.title}
      </button>
      {open && (
        <Sheet kind="side" title={words.mode.title} onClose={() => setOpen(false)}>
          <div className="space-y-2">
            {MODES.map(({ mode: each, Icon: EachIcon }) => (
              <button
                key={each}
                type="button"
                aria-pressed={each === mode}
                disabled={!connected}
                className="control min-h-14 w-full justify-start gap-3 text-left"
                onClick={() => {
                  setOpen(false);
                  if (each !== mode) setAsked(each);
                }}
              >
                <EachIcon size={20} strokeWidth={1.75} aria-hidden />
                <span>
                  <span className="block text-body font-medium">{words.mode.names[each]}</span>
                  <span className="block text-caption text-muted">{words.mode.hints[each]}</span>
                </span>
              </button>
            ))}
          </div>
        </Sheet>
      )}
      {asked && <ConfirmMode mode={asked} onClose={() => setAsked(undefined)} />}
    </>
  );
}

/** Names what the change will do before it is done. */
function ConfirmMode({ mode, onClose }: { mode: Mode; onClose: () => void }) {
  const before = useMode();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const name = words.mode.names[mode];

  async function apply() {
    setBusy(true);
    setProblem("");
    try {
      await api.setMode(mode);
      live.refresh();
      say(
        words.mode.done(name),
        before &&
          (async () => {
            await api.setMode(before);
            live.refresh();
          }),
      );
      onClose();
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
    }
  }

  return (
    <Sheet kind="middle" title={words.mode.confirmTitle(name)} onClose={onClose}>
      <p>{words.mode.effects[mode]}</p>
      {problem !== "" && (
        <p role="alert" className="mt-3 border-l-3 border-crit pl-3 text-crit">
          {problem}
        </p>
      )}
      <div className="mt-4 flex justify-end gap-2">
        <button type="button" className="control" onClick={onClose}>
          {words.user.cancel}
        </button>
        <button type="button" className="control primary" disabled={busy} onClick={apply}>
          {words.mode.apply(name)}
        </button>
      </div>
    </Sheet>
  );
}
