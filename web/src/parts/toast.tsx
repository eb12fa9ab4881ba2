// What was done and how to take it back.

import { Undo2, X } from "lucide-react";
import { useEffect } from "react";
import { create } from "zustand";
import { explain } from "../api";
import { words } from "../words";

export interface Toast {
  id: number;
  text: string;
  tone: "plain" | "problem";
  undo?: () => Promise<void>;
}

/** A change can be taken back for ten minutes, by the toast while it is there and by `z` after. */
const UNDO_MS = 10 * 60_000;
const SHOWN_MS = 20_000;

interface Toasts {
  toast: Toast | undefined;
  last: { undo: () => Promise<void>; until: number } | undefined;
}

export const useToasts = create<Toasts>(() => ({ toast: undefined, last: undefined }));

let number = 0;

export function say(text: string, undo?: () => Promise<void>) {
  number += 1;
  useToasts.setState({
    toast: { id: number, text, tone: "plain", undo },
    ...(undo ? { last: { undo, until: Date.now() + UNDO_MS } } : {}),
  });
}

export function sayProblem(error: unknown) {
  number += 1;
  useToasts.setState({ toast: { id: number, text: explain(error), tone: "problem" } });
}

/** Takes the last change back, if there is one that still can be. */
export async function undoLast() {
  const { last } = useToasts.getState();
  if (last === undefined || last.until < Date.now()) return;
  useToasts.setState({ last: undefined, toast: undefined });
  try {
    await last.undo();
    say(words.priority.undone);
  } catch (error) {
    sayProblem(error);
  }
}

export function ToastPlace() {
  const { toast } = useToasts();
  const id = toast?.id;
  useEffect(() => {
    if (id === undefined) return;
    const timer = setTimeout(() => {
      if (useToasts.getState().toast?.id === id) useToasts.setState({ toast: undefined });
    }, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [id]);
  return (
    <div
      role="status"
      className="pointer-events-none fixed inset-x-0 bottom-[calc(4.5rem+env(safe-area-inset-bottom))] z-40 flex justify-center px-4 sm:bottom-6"
    >
      {toast && (
        <div
          className={`pointer-events-auto flex max-w-lg items-center gap-3 rounded-card border border-line bg-raised py-2 pr-2 pl-4 shadow-float ${
            toast.tone === "problem" ? "border-l-3 border-l-crit" : ""
          }`}
        >
          <span data-private>{toast.text}</span>
          {toast.undo && (
            <button type="button" className="control font-medium text-accent" onClick={undoLast}>
              <Undo2 size={16} aria-hidden />
              {words.priority.undo}
            </button>
          )}
          <button
            type="button"
            className="control w-8 border-transparent bg-transparent px-0"
            onClick={() => useToasts.setState({ toast: undefined })}
          >
            <X size={16} aria-hidden />
            <span className="sr-only">{words.toast.dismiss}</span>
          </button>
        </div>
      )}
    </div>
  );
}
