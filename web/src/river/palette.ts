// The colours of the theme in force, as a canvas needs them.

import { CLASS_COUNT } from "../classes";

export interface Palette {
  card: string;
  line: string;
  text: string;
  muted: string;
  accent: string;
  warn: string;
  strong: string;
  classes: string[];
  /** Text on a class colour. */
  on: string[];
  /** What a label on a class needs behind it, or "". */
  chip: string[];
}

let cached: { theme: string | undefined; palette: Palette } | undefined;

export function palette(): Palette {
  const theme = document.documentElement.dataset.theme;
  if (cached?.theme === theme && cached) return cached.palette;
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const each = (name: string) => Array.from({ length: CLASS_COUNT }, (_, i) => read(`${name}${i}`));
  const made: Palette = {
    card: read("card"),
    line: read("line"),
    text: read("text"),
    muted: read("muted"),
    accent: read("accent"),
    warn: read("warn"),
    strong: read("border-strong"),
    classes: each("c"),
    on: each("on"),
    chip: each("chip"),
  };
  cached = { theme, palette: made };
  return made;
}
