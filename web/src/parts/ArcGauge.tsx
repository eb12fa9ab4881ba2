import type { ReactNode } from "react";

/** A half circle: used, a tick where the reservations end, capacity at the right end. All as shares of the capacity. */
export function ArcGauge({
  used,
  reserved,
  label,
  children,
}: {
  used: number;
  reserved: number | undefined;
  label: string;
  children: ReactNode;
}) {
  const radius = 54;
  const length = Math.PI * radius;
  const share = Math.max(0, Math.min(1, used));
  const point = (at: number, r: number) => {
    const angle = Math.PI * (1 - at);
    return `${64 + r * Math.cos(angle)} ${64 - r * Math.sin(angle)}`;
  };
  return (
    <div className="relative w-[128px] shrink-0">
      <svg viewBox="0 0 128 72" role="img" aria-label={label} className="block w-full">
        <path
          d={`M${point(0, radius)}A${radius} ${radius} 0 0 1 ${point(1, radius)}`}
          fill="none"
          className="stroke-track"
          strokeWidth="12"
        />
        <path
          d={`M${point(0, radius)}A${radius} ${radius} 0 0 1 ${point(1, radius)}`}
          fill="none"
          className="stroke-accent"
          strokeWidth="12"
          strokeDasharray={`${share * length} ${length}`}
        />
        {reserved !== undefined && reserved > 0 && (
          <path
            d={`M${point(Math.min(1, reserved), radius - 9)}L${point(Math.min(1, reserved), radius + 9)}`}
            className="stroke-text"
            strokeWidth="2"
          />
        )}
      </svg>
      <div className="absolute inset-x-0 bottom-0 text-center text-lead font-semibold">{children}</div>
    </div>
  );
}
