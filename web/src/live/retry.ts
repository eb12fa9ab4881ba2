// How long to wait before trying again.

const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/** 0.5 s × 2ⁿ up to 15 s with full jitter; `random` is in 0..1. At least 100 ms, so that nobody spins. */
export function retryDelayMs(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.max(100, Math.round(ceiling * random));
}
