// The eleven traffic classes, the most protected first. The order is the contract's and never changes with the data.

export interface TrafficClass {
  /** Its word in the API. */
  word: string;
  /** The letter that stands for it beside its colour. */
  letter: string;
  /** Its name for people. */
  title: string;
}

export const CLASSES: readonly TrafficClass[] = [
  { word: "voice", letter: "V", title: "Voice" },
  { word: "call", letter: "C", title: "Calls" },
  { word: "gaming", letter: "G", title: "Gaming" },
  { word: "interactive", letter: "I", title: "Interactive" },
  { word: "web", letter: "W", title: "Web" },
  { word: "streaming", letter: "S", title: "Streaming" },
  { word: "work", letter: "O", title: "Work apps" },
  { word: "download", letter: "D", title: "Downloads" },
  { word: "backup", letter: "B", title: "Backup" },
  { word: "update", letter: "U", title: "Updates" },
  { word: "unclassified", letter: "?", title: "Unclassified" },
];

export const CLASS_COUNT = CLASSES.length;

/** Voice, calls, gaming and interactive are served before all others. */
export const PROTECTED_COUNT = 4;

/** The place of a class in the order, or -1. */
export function classIndex(word: string): number {
  return CLASSES.findIndex((c) => c.word === word);
}
