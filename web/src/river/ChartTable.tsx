import { CLASS_COUNT, CLASSES } from "../classes";
import { offset, rateText } from "../format";
import { live, useLive } from "../live/live";
import type { Direction } from "../live/series";
import { useSettings } from "../settings";
import { words } from "../words";

const ROWS = 15;

/** The chart's twin: the same values as text, newest first; each row is the mean of its step. */
export function ChartTable({ pastMs, direction }: { pastMs: number; direction: Direction }) {
  const unit = useSettings((s) => s.unit);
  // Once a step is enough for a table that somebody reads.
  useLive((state) => (state ? Math.floor((state.ts * ROWS) / pastMs) : 0));
  const step = pastMs / ROWS;
  const now = Math.floor(live.now() / 1000) * 1000;
  const ring = live.series.classes[direction];
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const end = now - i * step;
    const values = Array.from({ length: CLASS_COUNT }, (_, c) => {
      let sum = 0;
      let count = 0;
      for (let at = end; at > end - step; at -= 1000) {
        const value = ring.at(c, at);
        if (value >= 0) {
          sum += value;
          count += 1;
        }
      }
      return count === 0 ? -1 : sum / count;
    });
    return { end, values };
  });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: wider than a phone, so it must scroll by keyboard
    <section className="overflow-x-auto px-4 pb-3" tabIndex={0} aria-label={words.river.table}>
      <table className="num w-full text-right text-table">
        <thead className="text-caption text-muted">
          <tr>
            <th scope="col" className="py-1 pr-3 text-left font-medium">
              {words.river.time}
            </th>
            <th scope="col" className="px-2 font-medium">
              {words.river.total}
            </th>
            {CLASSES.map((trafficClass) => (
              <th key={trafficClass.word} scope="col" className="px-2 font-medium">
                {trafficClass.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ end, values }) => (
            <tr key={end} className="border-t border-line">
              <th scope="row" className="py-1 pr-3 text-left font-normal whitespace-nowrap text-muted">
                {offset(end - now)}
              </th>
              <td className="px-2 font-medium whitespace-nowrap">
                {rateText(values.some((v) => v >= 0) ? values.reduce((sum, v) => sum + Math.max(0, v), 0) : -1, unit)}
              </td>
              {values.map((value, c) => (
                <td key={CLASSES[c]?.word} className="px-2 whitespace-nowrap">
                  {rateText(value, unit)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
