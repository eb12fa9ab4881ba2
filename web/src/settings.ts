// How a person wants to see things; kept in this browser, never sent anywhere.

import { create } from "zustand";
import { persist } from "zustand/middleware";
import type { RateUnit } from "./format";

export type Theme = "system" | "light" | "dark";
export type Shown = "down" | "up" | "both";

interface Settings {
  theme: Theme;
  shown: Shown;
  unit: RateUnit;
  /** River or lanes. */
  lanes: boolean;
  /** Addresses instead of names. */
  addresses: boolean;
  dense: boolean;
  /** Names and addresses blurred; not kept, so that nobody wonders tomorrow. */
  redact: boolean;
  set: (change: Partial<Omit<Settings, "set">>) => void;
}

export const useSettings = create<Settings>()(
  persist(
    (set) => ({
      theme: "system",
      shown: "down",
      unit: "bit",
      lanes: false,
      addresses: false,
      dense: false,
      redact: false,
      set: (change) => set(change),
    }),
    {
      name: "equalnet",
      partialize: ({ theme, shown, unit, lanes, addresses, dense }) => ({
        theme,
        shown,
        unit,
        lanes,
        addresses,
        dense,
      }),
    },
  ),
);

/** The theme in effect. */
export function effectiveTheme(theme: Theme): "light" | "dark" {
  if (theme !== "system") return theme;
  return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Keeps `<html>` as the settings say. */
export function applySettings() {
  const apply = () => {
    const { theme, redact, dense } = useSettings.getState();
    const root = document.documentElement;
    root.dataset.theme = effectiveTheme(theme);
    root.toggleAttribute("data-redact", redact);
    root.toggleAttribute("data-dense", dense);
  };
  apply();
  useSettings.subscribe(apply);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
}

export const THEMES: readonly Theme[] = ["system", "light", "dark"];
export const SHOWN: readonly Shown[] = ["down", "up", "both"];

/** The one after `value`, round and round. */
export function next<T>(all: readonly T[], value: T): T {
  return all[(all.indexOf(value) + 1) % all.length] as T;
}
