import { CLASSES } from "../classes";
import { clock, offset } from "../format";
import { live, useLive } from "../live/live";
import { ClassLetter } from "../parts/ClassTag";
import { DeviceName } from "../parts/names";
import { Rate } from "../parts/numbers";
import { useSettings } from "../settings";
import { words } from "../words";

const AROUND_MS = 10_000;

/** What was at one time: classes, the five most active devices, decisions around it. */
export function Moment({ at }: { at: number }) {
  const shown = useSettings((s) => s.shown);
  const devices = useLive((state) => state?.devices);
  const decisions = useLive((state) => state?.decisions);
  const way = shown === "up" ? "up" : "down";
  const classes = CLASSES.map((_, c) => ({ c, value: live.series.classes[way].at(c, at) }))
    .filter((v) => v.value > 0)
    .sort((a, b) => b.value - a.value);
  const top = [...(devices?.values() ?? [])]
    .map((device) => ({ device, value: live.series.device(device.info.number)[way].at(0, at) }))
    .filter((v) => v.value > 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, 5);
  const around = (decisions ?? []).filter((d) => Math.abs(d.at_ms - at) <= AROUND_MS);
  return (
    <div className="space-y-3 text-table">
      <p className="num flex justify-between gap-3">
        <strong>
          {clock(at)} <span className="font-normal text-muted">{offset(at - live.now())}</span>
        </strong>
        <Rate kbit={classes.reduce((sum, v) => sum + v.value, 0)} className="font-semibold" />
      </p>
      <ul className="space-y-0.5">
        {classes.map(({ c, value }) => (
          <li key={c} className="flex items-center gap-2">
            <ClassLetter index={c} size={16} />
            <span className="flex-1">{CLASSES[c]?.title}</span>
            <Rate kbit={value} />
          </li>
        ))}
      </ul>
      <div>
        <h3 className="text-caption text-muted">{words.river.momentTop}</h3>
        {top.length === 0 ? (
          <p className="text-muted">{words.river.noDevices}</p>
        ) : (
          <ul>
            {top.map(({ device, value }) => (
              <li key={device.info.number} className="flex gap-2">
                <DeviceName device={device.info} className="flex-1" />
                <Rate kbit={value} />
              </li>
            ))}
          </ul>
        )}
      </div>
      <div>
        <h3 className="text-caption text-muted">{words.river.momentDecisions}</h3>
        {around.length === 0 ? (
          <p className="text-muted">{words.river.noDecisions}</p>
        ) : (
          <ul className="space-y-1">
            {around.map((d) => (
              <li key={d.id} data-private>
                <span className="num text-muted">{clock(d.at_ms)}</span> {d.sentence}
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
