// "This is …": says what a flow is for, where EqualNet is wrong. It becomes a rule.

import { useId, useState } from "react";
import { api, explain } from "../api";
import { CLASSES, classIndex } from "../classes";
import type { Flow } from "../contract";
import { words } from "../words";
import { ClassLetter } from "./ClassTag";
import { Popover } from "./Popover";
import { say } from "./toast";

/** Whoever corrects knows what it is: unclassified is not offered. */
const OFFERED = CLASSES.filter((c) => c.word !== "unclassified");

export function ClassPicker({
  flow,
  device,
  anchor,
  onClose,
  onDone,
}: {
  flow: Flow;
  /** The name of its device; empty without one. */
  device: string;
  anchor: HTMLElement | null;
  onClose: () => void;
  onDone: () => void;
}) {
  const group = useId();
  const [wanted, setWanted] = useState(flow.class);
  const [alone, setAlone] = useState(false);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  async function apply() {
    setBusy(true);
    try {
      const rule = await api.reclassify(flow.id, { class: wanted, scope: alone ? "device" : "everybody" });
      say(words.flows.done(rule.words, CLASSES[classIndex(wanted)]?.title ?? wanted), async () => {
        await api.removeRule(rule.id);
        onDone();
      });
      onDone();
      onClose();
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
    }
  }

  return (
    <Popover anchor={anchor} label={words.flows.thisIs} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) apply();
        }}
      >
        <p className="font-medium">{words.flows.thisIs}</p>
        <p data-private className="mb-2 truncate text-table text-muted">
          {endOf(flow)}
        </p>
        <fieldset className="grid grid-cols-2 gap-x-1">
          <legend className="sr-only">{words.flows.thisIs}</legend>
          {OFFERED.map(({ word, title }) => (
            <label
              key={word}
              className="flex min-h-8 items-center gap-2 rounded-control px-2 hover:bg-hover has-checked:bg-hover has-checked:font-medium"
            >
              <input
                type="radio"
                name={group}
                value={word}
                checked={word === wanted}
                onChange={() => setWanted(word)}
                className="accent-accent"
              />
              <ClassLetter index={classIndex(word)} />
              {title}
            </label>
          ))}
        </fieldset>
        {device !== "" && (
          <label className="mt-2 flex min-h-8 items-center gap-2 border-t border-line px-2 pt-2">
            <input
              type="checkbox"
              checked={alone}
              onChange={(event) => setAlone(event.target.checked)}
              className="accent-accent"
            />
            <span>
              {words.flows.onlyFor} <span data-private>{device}</span>
            </span>
          </label>
        )}
        <div aria-live="polite">
          {problem !== "" && <p className="mt-2 border-l-3 border-crit pl-2 text-table">{problem}</p>}
        </div>
        <div className="mt-3 flex justify-end gap-2">
          <button type="button" className="control" onClick={onClose}>
            {words.user.cancel}
          </button>
          <button
            type="submit"
            className="control primary"
            disabled={busy || !OFFERED.some((offered) => offered.word === wanted)}
          >
            {words.priority.apply}
          </button>
        </div>
      </form>
    </Popover>
  );
}

/** Who is at the other end: its name, else its address. */
export function endOf(flow: Flow): string {
  const address = flow.destination_ip.includes(":") ? `[${flow.destination_ip}]` : flow.destination_ip;
  const end = flow.server_name === "" ? address : flow.server_name;
  return flow.destination_port === 0 ? end : `${end}:${flow.destination_port}`;
}
