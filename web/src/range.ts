// The live window of the whole page, kept in the address as `?range=5m`.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMedia } from "./parts/useMedia";

/** In minutes. */
export const RANGES = [1, 5, 15] as const;
/** On a phone two minutes fit where five would only be noise. */
export const PHONE_RANGES = [1, 2, 5, 15] as const;

/** `5m` in minutes; undefined for anything this page does not offer. */
export function parseRange(text: string): number | undefined {
  const match = /^(\d+)m$/.exec(text);
  const minutes = match ? Number(match[1]) : 0;
  return (PHONE_RANGES as readonly number[]).includes(minutes) ? minutes : undefined;
}

export function useRange(): { minutes: number; offered: readonly number[]; set: (minutes: number) => void } {
  const phone = useMedia("(max-width: 639px)");
  const { range } = useSearch({ strict: false }) as { range?: string };
  const navigate = useNavigate();
  const usual = phone ? 2 : 5;
  const minutes = (range === undefined ? undefined : parseRange(range)) ?? usual;
  return {
    minutes,
    offered: phone || minutes === 2 ? PHONE_RANGES : RANGES,
    set: (wanted) =>
      navigate({
        to: ".",
        search: (before: Record<string, unknown>) => ({
          ...before,
          range: wanted === usual ? undefined : `${wanted}m`,
        }),
        replace: true,
      }),
  };
}
