import { useEffect, useReducer } from "react";

/** Draws again each `ms`, for words that follow the clock ("12 s ago"); not at all where `ms` is 0. */
export function useTick(ms: number) {
  const [, tick] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    if (ms === 0) return;
    const timer = setInterval(tick, ms);
    return () => clearInterval(timer);
  }, [ms]);
}
