import { Pencil, Trash2 } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { api, explain } from "../api";
import { classIndex } from "../classes";
import type { Flow, Rule } from "../contract";
import { ago, volumeText } from "../format";
import { live, useConnection, useLive } from "../live/live";
import { ClassPicker, endOf } from "../parts/ClassPicker";
import { ClassTag } from "../parts/ClassTag";
import { Volume } from "../parts/numbers";
import { say, sayProblem } from "../parts/toast";
import { useMedia } from "../parts/useMedia";
import { words } from "../words";

/** Flows and rules are asked for, not pushed: a page that nobody looks at costs nothing. */
const ASK_EVERY_MS = 2000;
const SHOWN = 20;

interface Answer {
  flows: readonly Flow[];
  rules: readonly Rule[];
}

/** Who talks to whom, what it is taken for, and what you know better. */
export function Flows() {
  const connected = useConnection().kind === "live";
  const [answer, setAnswer] = useState<Answer>();
  const [problem, setProblem] = useState("");
  const [pointed, setPointed] = useState(false);
  const [picked, setPicked] = useState<{ flow: Flow; anchor: HTMLElement }>();
  const still = useRef(false);
  // Rows do not move under a hand.
  still.current = pointed || picked !== undefined;

  const ask = useCallback(async () => {
    try {
      const [flows, rules] = await Promise.all([api.flows(SHOWN), api.rules()]);
      setAnswer((before) => ({ flows: still.current && before ? inPlace(before.flows, flows) : flows, rules }));
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

  const names = useLive((s) => s?.devices);
  const nameOf = (id: string) => {
    for (const device of names?.values() ?? []) if (device.info.id === id) return device.info.name || id;
    return id;
  };

  return (
    <div className="space-y-4">
      {problem !== "" && (
        <p role="alert" className="card border-l-3 border-l-crit px-4 py-3">
          {problem}
        </p>
      )}
      <section className="card overflow-clip" aria-labelledby="flows-title">
        <header className="flex flex-wrap items-baseline gap-x-3 px-4 pt-3 pb-2">
          <h2 id="flows-title" className="text-h2">
            {words.flows.title}
          </h2>
          <p className="text-table text-muted">{words.flows.lead}</p>
        </header>
        <div
          onPointerEnter={(event) => event.pointerType === "mouse" && setPointed(true)}
          onPointerLeave={() => setPointed(false)}
        >
          {answer === undefined ? (
            <p className="px-4 pb-4 text-muted">{words.flows.loading}</p>
          ) : answer.flows.length === 0 ? (
            <p className="px-4 pb-4 text-muted">{words.flows.empty}</p>
          ) : (
            <FlowList
              flows={answer.flows}
              nameOf={nameOf}
              onPick={(flow, anchor) => setPicked({ flow, anchor })}
              enabled={connected}
            />
          )}
        </div>
      </section>
      <RuleList rules={answer?.rules ?? []} onChange={ask} />
      {picked && (
        <ClassPicker
          flow={picked.flow}
          device={picked.flow.device === "" ? "" : nameOf(picked.flow.device)}
          anchor={picked.anchor}
          onClose={() => setPicked(undefined)}
          onDone={ask}
        />
      )}
    </div>
  );
}

/** The flows of `before` with their figures of now. */
function inPlace(before: readonly Flow[], now: readonly Flow[]): readonly Flow[] {
  const fresh = new Map(now.map((flow) => [flow.id, flow]));
  return before.map((flow) => fresh.get(flow.id) ?? flow);
}

interface ListProps {
  flows: readonly Flow[];
  nameOf: (id: string) => string;
  onPick: (flow: Flow, anchor: HTMLElement) => void;
  enabled: boolean;
}

function FlowList({ flows, nameOf, onPick, enabled }: ListProps) {
  const phone = useMedia("(max-width: 899px)");
  const { columns } = words.flows;
  const tag = (flow: Flow) => (
    <button
      type="button"
      className="control min-h-7 gap-1.5 border-transparent bg-transparent px-1.5 max-sm:min-h-10"
      aria-haspopup="dialog"
      disabled={!enabled}
      onClick={(event) => onPick(flow, event.currentTarget)}
    >
      <ClassTag index={classIndex(flow.class)} />
      <Pencil size={13} aria-hidden className="text-muted" />
      <span className="sr-only">{words.flows.change(endOf(flow))}</span>
    </button>
  );
  if (phone) {
    return (
      <ul>
        {flows.map((flow) => (
          <li key={flow.id} data-row={flow.id} className="grid gap-0.5 border-t border-line px-3 py-2">
            <div className="flex items-center gap-2">
              <span data-private className="min-w-0 flex-1 truncate font-medium">
                {endOf(flow)}
              </span>
              {tag(flow)}
            </div>
            <p className="flex gap-2 text-caption text-muted">
              <span data-private className="min-w-0 flex-1 truncate">
                {flow.device === "" ? flow.source_ip : nameOf(flow.device)}
                {flow.application !== "" && ` · ${flow.application}`}
              </span>
              <span className="num whitespace-nowrap">
                ↓ <Volume bytes={flow.bytes.download} /> ↑ <Volume bytes={flow.bytes.upload} />
              </span>
            </p>
            <p data-private className="truncate text-caption text-muted">
              {flow.evidence}
            </p>
          </li>
        ))}
      </ul>
    );
  }
  const head = "h-9 px-2 font-medium whitespace-nowrap";
  return (
    <table className="w-full table-fixed text-left text-table">
      <thead className="border-y border-line text-caption text-muted">
        <tr>
          <th scope="col" className={`${head} w-[22%] pl-4`}>
            {columns.device}
          </th>
          <th scope="col" className={head}>
            {columns.to}
          </th>
          <th scope="col" className={`${head} w-44`}>
            {columns.class}
          </th>
          <th scope="col" className={`${head} w-28 text-right`}>
            <span className="sr-only">{words.live.down}</span>
            <span aria-hidden>↓</span>
          </th>
          <th scope="col" className={`${head} w-28 pr-4 text-right`}>
            <span className="sr-only">{words.live.up}</span>
            <span aria-hidden>↑</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {flows.map((flow) => (
          <tr key={flow.id} data-row={flow.id} className="border-b border-line last:border-0 hover:bg-hover">
            <td data-private className="truncate py-1.5 pr-2 pl-4">
              {flow.device === "" ? flow.source_ip : nameOf(flow.device)}
            </td>
            <th scope="row" className="px-2 py-1.5 text-left font-normal">
              <span className="flex min-w-0 items-baseline gap-2">
                <span data-private className="truncate font-medium">
                  {endOf(flow)}
                </span>
                <span className="shrink-0 text-muted">{flow.application || flow.protocol}</span>
              </span>
              <span data-private className="block truncate text-caption text-muted">
                {flow.evidence}
              </span>
            </th>
            <td className="px-0.5 py-1.5">{tag(flow)}</td>
            <td className="px-2 py-1.5 text-right">
              <Volume bytes={flow.bytes.download} />
            </td>
            <td className="py-1.5 pr-4 pl-2 text-right">
              <Volume bytes={flow.bytes.upload} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function RuleList({ rules, onChange }: { rules: readonly Rule[]; onChange: () => void }) {
  async function remove(rule: Rule) {
    try {
      await api.removeRule(rule.id);
      const { when, label, comment } = rule;
      say(words.rules.removed(rule.words), async () => {
        await api.addRule({ when, class: rule.class, label, comment });
        onChange();
      });
      onChange();
    } catch (error) {
      sayProblem(error);
    }
  }
  return (
    <section className="card overflow-clip" aria-labelledby="rules-title">
      <header className="flex flex-wrap items-baseline gap-x-3 px-4 pt-3 pb-2">
        <h2 id="rules-title" className="text-h2">
          {words.rules.title}
        </h2>
        <p className="text-table text-muted">{words.rules.lead}</p>
      </header>
      {rules.length === 0 ? (
        <p className="px-4 pb-4 text-muted">{words.rules.empty}</p>
      ) : (
        <ol className="text-table">
          {rules.map((rule) => (
            <li
              key={rule.id}
              data-rule={rule.id}
              className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-3 border-t border-line py-2 pr-2 pl-4 sm:grid-cols-[10rem_minmax(0,1fr)_auto_2.25rem]"
            >
              <ClassTag index={classIndex(rule.class)} />
              <p className="min-w-0 max-sm:order-last max-sm:col-span-2">
                <span data-private className="block truncate font-medium">
                  {rule.words}
                </span>
                {(rule.comment !== "" || !rule.by_hand) && (
                  <span className="block truncate text-caption text-muted">
                    {[rule.comment, rule.by_hand ? "" : words.rules.fromFile].filter((part) => part !== "").join(" · ")}
                  </span>
                )}
              </p>
              <p className="num text-right text-table whitespace-nowrap text-muted max-sm:order-last max-sm:col-span-2 max-sm:text-left">
                {rule.last_ms === undefined || rule.last_ms === null
                  ? words.rules.never
                  : `${words.rules.flows(rule.flows)} · ${volumeText(rule.bytes)} · ${ago(rule.last_ms, live.now())}`}
              </p>
              <span className="text-right">
                {rule.by_hand && (
                  <button
                    type="button"
                    className="control w-9 border-transparent bg-transparent px-0 text-muted max-sm:min-h-10"
                    title={words.rules.remove}
                    onClick={() => remove(rule)}
                  >
                    <Trash2 size={16} aria-hidden />
                    <span className="sr-only">
                      {words.rules.remove}: {rule.words}
                    </span>
                  </button>
                )}
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
