import { useEffect, useRef } from "react";
import { live } from "../live/live";
import { DEVICE_STEP_MS, type Direction } from "../live/series";

const WIDTH = 84;
const HEIGHT = 20;
const POINTS = 60;
/** The forecast tail is the next 15 s. */
const TAIL = 14;

/** The last five minutes of a device, and after the line what is foreseen. Drawn on a canvas, outside React's eye. */
export function Sparkline({
  number,
  direction,
  p50,
  p90,
  ceiling,
}: {
  number: number;
  direction: Direction;
  p50: number;
  p90: number;
  /** The least rate the full height stands for, kbit/s. */
  ceiling: number;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const args = useRef({ number, direction, p50, p90, ceiling });
  args.current = { number, direction, p50, p90, ceiling };

  useEffect(() => {
    let drawn = "";
    const draw = () => {
      const element = canvas.current;
      const context = element?.getContext("2d");
      if (!element || !context) return;
      const { number: n, direction: way, p50: likely, p90: most, ceiling: least } = args.current;
      const now = live.now();
      const style = getComputedStyle(element);
      const key = `${live.series.filled} ${Math.floor(now / 1000)} ${n} ${way} ${style.color}`;
      if (key === drawn) return;
      drawn = key;
      const ratio = window.devicePixelRatio || 1;
      if (element.width !== WIDTH * ratio) {
        element.width = WIDTH * ratio;
        element.height = HEIGHT * ratio;
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, WIDTH, HEIGHT);
      const ring = live.series.device(n)[way];
      const values = Array.from({ length: POINTS }, (_, i) => ring.at(0, now - (POINTS - 1 - i) * DEVICE_STEP_MS));
      const known = values.filter((v) => v >= 0);
      const top = Math.max(least, most, 1, ...known);
      const past = WIDTH - TAIL;
      const x = (i: number) => (i / (POINTS - 1)) * past;
      const y = (v: number) => HEIGHT - 1 - (v / top) * (HEIGHT - 3);
      context.fillStyle = style.color;
      context.strokeStyle = style.color;
      context.globalAlpha = 0.22;
      context.beginPath();
      context.moveTo(0, HEIGHT);
      values.forEach((v, i) => {
        context.lineTo(x(i), Number.isNaN(v) ? HEIGHT : y(v));
      });
      context.lineTo(past, HEIGHT);
      context.fill();
      context.globalAlpha = 1;
      context.lineWidth = 1.4;
      context.lineJoin = "round";
      context.beginPath();
      let open = false;
      values.forEach((v, i) => {
        if (Number.isNaN(v)) open = false;
        else if (open) context.lineTo(x(i), y(v));
        else {
          context.moveTo(x(i), y(v));
          open = true;
        }
      });
      context.stroke();
      if (likely >= 0) {
        context.globalAlpha = 0.5;
        context.fillRect(past + 0.5, 0, 1, HEIGHT);
        context.globalAlpha = 1;
        context.setLineDash([2, 2]);
        context.beginPath();
        context.moveTo(past + 3, y(likely));
        context.lineTo(WIDTH, y(likely));
        context.stroke();
        context.setLineDash([]);
      }
    };
    draw();
    return live.subscribe(draw);
  }, []);

  return <canvas ref={canvas} className="block h-5 w-[84px] text-accent" />;
}
