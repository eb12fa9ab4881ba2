import { rateText } from "../format";
import { words } from "../words";

/**
 * Predicted → gets: the track is what it gets, the fill what it uses, the tick P50, the open tick P90.
 * Paler is what it borrows beyond its part; red only where use is being cut. kbit/s.
 */
export function Bullet({
  use,
  p50,
  p90,
  gets,
  held,
  width = 96,
}: {
  use: number;
  p50: number;
  p90: number;
  gets: number;
  held: boolean;
  width?: number;
}) {
  const whole = Math.max(gets, p90, use, 1);
  const x = (value: number) => Math.max(0, Math.min(1, value / whole)) * (width - 2) + 1;
  const own = gets >= 0 ? Math.min(use, gets) : use;
  const label = words.devices.bullet(rateText(use), rateText(p50), rateText(p90), rateText(gets));
  return (
    <svg width={width} height={16} role="img" aria-label={label} className="block shrink-0">
      <title>{label}</title>
      <rect x={1} y={5} width={Math.max(2, x(gets) - 1)} height={6} rx={3} className="fill-track" />
      <rect
        x={1}
        y={5}
        width={Math.max(0, x(own) - 1)}
        height={6}
        rx={3}
        className={held ? "fill-crit" : "fill-accent"}
      />
      {use > own && <rect x={x(own)} y={5} width={x(use) - x(own)} height={6} className="fill-accent" opacity={0.45} />}
      {p50 >= 0 && <path d={`M${x(p50)} 2V14`} className="stroke-text" strokeWidth={1.6} />}
      {p90 >= 0 && <path d={`M${x(p90)} 2V14`} className="stroke-muted" strokeWidth={1.6} strokeDasharray="2 2" />}
    </svg>
  );
}
