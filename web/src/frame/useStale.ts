import { live, STALE_MS, useConnection, usePaused } from "../live/live";
import { useTick } from "../parts/useTick";

/** Whether what is shown is older than it may be without saying so. */
export function useStale(): boolean {
  useTick(1000);
  const paused = usePaused();
  const connection = useConnection();
  return connection.kind === "live" && !paused && live.ageMs() > STALE_MS;
}
