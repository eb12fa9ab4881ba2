// Why somebody gets what they get. Opens from any `Why?`.

import { useEffect, useState } from "react";
import { create } from "zustand";
import { api, explain } from "../api";
import type { Why } from "../contract";
import { clock, rateText } from "../format";
import { useSettings } from "../settings";
import { words } from "../words";
import { Sheet } from "./Sheet";

const useWhy = create<{ about: { id: string; name: string } | undefined }>(() => ({ about: undefined }));

/** Opens the sheet about a device or a class. */
export function askWhy(id: string, name: string) {
  useWhy.setState({ about: { id, name } });
}

export function WhyButton({ id, name, className = "" }: { id: string; name: string; className?: string }) {
  return (
    <button type="button" className={`control min-h-7 px-2 text-accent ${className}`} onClick={() => askWhy(id, name)}>
      {words.devices.why}
      <span className="sr-only">{words.devices.whyFor(name)}</span>
    </button>
  );
}

export function WhySheet() {
  const { about } = useWhy();
  if (about === undefined) return null;
  return <About key={about.id} id={about.id} name={about.name} />;
}

function About({ id, name }: { id: string; name: string }) {
  const [why, setWhy] = useState<Why>();
  const [problem, setProblem] = useState("");

  useEffect(() => {
    let gone = false;
    api.why(id).then(
      (answer) => !gone && setWhy(answer),
      (error) => !gone && setProblem(explain(error)),
    );
    return () => {
      gone = true;
    };
  }, [id]);

  return (
    <Sheet
      kind="side"
      title={
        <>
          {words.why.title} · <span data-private>{name}</span>
        </>
      }
      onClose={() => useWhy.setState({ about: undefined })}
    >
      {problem !== "" && (
        <p role="alert" className="border-l-3 border-crit pl-3">
          {words.why.failed} {problem}
        </p>
      )}
      {!why && problem === "" && <p className="text-muted">{words.why.loading}</p>}
      {why && <Answer why={why} />}
    </Sheet>
  );
}

function Answer({ why }: { why: Why }) {
  return (
    <div className="space-y-5">
      <section>
        <h3 className="mb-1 text-caption text-muted">{words.why.what}</h3>
        <p data-private className="text-lead">
          {why.what}
        </p>
      </section>
      <section>
        <h3 className="mb-1 text-caption text-muted">{words.why.grounds}</h3>
        {why.why.length === 0 ? (
          <p>{words.why.noGrounds}</p>
        ) : (
          <ol className="list-decimal space-y-1 pl-5">
            {why.why.map((ground) => (
              <li key={ground} data-private>
                {ground}
              </li>
            ))}
          </ol>
        )}
      </section>
      <Sum parts={why.parts.filter(([, bits]) => bits > 0)} />
      {why.decisions.length > 0 && (
        <section>
          <h3 className="mb-1 text-caption text-muted">{words.why.recent}</h3>
          <ul className="space-y-2">
            {why.decisions.map((decision) => (
              <li key={decision.id} className="flex gap-3">
                <time className="num shrink-0 text-muted" dateTime={new Date(decision.at_ms).toISOString()}>
                  {clock(decision.at_ms)}
                </time>
                <span data-private>{decision.sentence}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

/** guarantee + share = what it gets, as one bar with each part named. */
function Sum({ parts }: { parts: readonly [string, number][] }) {
  const unit = useSettings((s) => s.unit);
  const total = parts.reduce((sum, [, bits]) => sum + bits, 0);
  if (total <= 0) return null;
  const fills = ["bg-accent", "hatch bg-track", "bg-strong"];
  return (
    <section>
      <h3 className="mb-1 text-caption text-muted">{words.why.sum}</h3>
      <div className="mb-2 flex h-3 gap-px overflow-clip rounded-bar">
        {parts.map(([part, bits], i) => (
          <div key={part} className={fills[i] ?? "bg-track"} style={{ width: `${(bits / total) * 100}%` }} />
        ))}
      </div>
      <p className="num">
        {parts.map(([part, bits], i) => (
          <span key={part}>
            {i > 0 && " + "}
            {words.why.parts[part] ?? part} {rateText(bits / 1000, unit)}
          </span>
        ))}
        {" = "}
        <strong>{rateText(total / 1000, unit)}</strong>
      </p>
    </section>
  );
}
