import { Sheet } from "../parts/Sheet";
import { words } from "../words";

const { list, groups } = words.keys;

const KEYS: readonly { group: string; keys: readonly (readonly [string, string])[] }[] = [
  {
    group: groups.go,
    keys: [
      ["g o", list.goOverview],
      ["g d", list.goDevices],
      ["g f", list.goFlows],
    ],
  },
  {
    group: groups.view,
    keys: [
      ["Space", list.pause],
      ["d", list.direction],
      ["[ ]", list.range],
      ["v", list.lanes],
      ["t", list.table],
      ["u", list.unit],
      ["n", list.names],
      ["Shift R", list.redact],
      ["Shift D", list.theme],
      ["z", list.undo],
      ["?", list.help],
    ],
  },
  {
    group: groups.chart,
    keys: [
      ["← →", list.cursor],
      ["Enter", list.moment],
      ["1–9 0", list.isolate],
      ["Esc", list.close],
    ],
  },
  {
    group: groups.rows,
    keys: [
      ["/", list.filter],
      ["j k", list.rows],
      ["w", list.why],
      ["p 1–5", list.priority],
      ["s", list.sort],
      ["f", list.freeze],
    ],
  },
];

export function ShortcutSheet({ onClose }: { onClose: () => void }) {
  return (
    <Sheet kind="side" title={words.keys.title} onClose={onClose}>
      {KEYS.map(({ group, keys }) => (
        <section key={group} className="mb-4">
          <h3 className="mb-1 text-caption text-muted">{group}</h3>
          <dl>
            {keys.map(([key, meaning]) => (
              <div key={key} className="flex items-baseline gap-3 border-b border-line py-1.5 last:border-0">
                <dt className="w-20 shrink-0">
                  <kbd className="rounded-bar border border-line bg-hover px-1.5 py-0.5 font-mono text-caption">
                    {key}
                  </kbd>
                </dt>
                <dd>{meaning}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <p className="text-caption text-muted">{words.keys.typing}</p>
    </Sheet>
  );
}
