// One listener for all single-key shortcuts. Off while typing and while a dialog is open.

import { useEffect, useRef } from "react";

type Handlers = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/** `g` waits this long for its second key. */
const SEQUENCE_MS = 1200;

const layers: { current: Handlers }[] = [];
let pending: { key: string; at: number } | undefined;

/** What a key press is called: `Shift+R` for letters with Shift, else the key itself; `g o` for a sequence. */
function nameOf(event: KeyboardEvent): string {
  const key = event.key === " " ? "space" : event.key;
  return event.shiftKey && /^[a-zA-Z]$/.test(key) ? `Shift+${key.toUpperCase()}` : key;
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]")
  );
}

function onKeyDown(event: KeyboardEvent) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const name = nameOf(event);
  // On a button the space bar presses the button.
  if (name === "space" && event.target instanceof HTMLElement && event.target.closest("button, a, input, [role=radio]"))
    return;
  const sequence = pending && event.timeStamp - pending.at < SEQUENCE_MS ? `${pending.key} ${name}` : undefined;
  pending = undefined;
  // The youngest layer first: a page may take a key from the frame.
  for (const candidate of sequence ? [sequence, name] : [name]) {
    for (const layer of layers.toReversed()) {
      const act = layer.current[candidate];
      if (act) {
        event.preventDefault();
        act(event);
        return;
      }
    }
  }
  if (layers.some((layer) => Object.keys(layer.current).some((key) => key.startsWith(`${name} `)))) {
    pending = { key: name, at: event.timeStamp };
  }
}

/** Keys of a component, for as long as it is there. */
export function useShortcuts(handlers: Handlers) {
  const layer = useRef(handlers);
  layer.current = handlers;
  useEffect(() => {
    if (layers.length === 0) document.addEventListener("keydown", onKeyDown);
    layers.push(layer);
    return () => {
      layers.splice(layers.indexOf(layer), 1);
      if (layers.length === 0) document.removeEventListener("keydown", onKeyDown);
    };
  }, []);
}
