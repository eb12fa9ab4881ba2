// Every string people read, in one place. Plain, short, no blame, no exclamation marks.

import type { Mode, State } from "./contract";

const plural = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;

export const words = {
  product: "EqualNet",
  skip: "Skip to content",

  pages: { overview: "Overview", devices: "Devices", flows: "Flows" },
  groups: { live: "Live" },

  link: {
    shaping: { on: "shaping on", off: "shaping off", failed: "shaping failed" },
  },

  login: {
    title: "Sign in",
    lead: "to see and steer your network",
    password: "Password",
    submit: "Sign in",
    busy: "Signing in…",
    wrong: "That did not match. Check the password and try again.",
    slow: "Too many attempts. Wait a moment, then try again.",
    show: "Show password",
    hide: "Hide password",
  },

  errors: {
    unreachable: "EqualNet did not answer. Check that it is running and try again",
    unexpected: "Something went wrong on this page. Reload it and try again.",
    status: (status: number) => `EqualNet answered with an error (${status})`,
    notFound: "There is no such page.",
    crashed: "This page stopped working.",
    reload: "Reload",
  },

  live: {
    live: "Live",
    pause: "Pause",
    resume: "Resume",
    paused: (behind: string) => `${behind} behind`,
    stale: (age: string) => `${age} old`,
    staleHint: "No new values came for more than 3 seconds.",
    connecting: "Connecting to EqualNet…",
    lost: (ago: string) => `Connection to EqualNet lost ${ago} ago.`,
    retry: (wait: string) => `Trying again in ${wait}.`,
    retrying: "Trying again…",
    now: "Now",
    range: "Time window",
    minutes: (n: number) => `${n} min`,
    direction: "Direction",
    down: "Download",
    up: "Upload",
    both: "Both directions",
  },

  bars: {
    title: "Notices",
    observe: "Observing only. Nothing is being limited.",
    suggest: "Suggesting only. You see what EqualNet would do; nothing is being limited.",
    failed: "Control is on, but this machine does not let EqualNet shape.",
    off: "Control is on, but shaping is off.",
    starting: (sofar: string) => `Collecting – ${sofar} so far. The forecast needs about 2 min to learn.`,
    redacted: "Names and addresses are hidden.",
    show: "Show them",
    demo: "Demo data",
  },

  mode: {
    title: "Mode",
    names: { observe: "Observe", suggest: "Suggest", control: "Control" } as Record<Mode, string>,
    hints: {
      observe: "Measures, changes nothing",
      suggest: "Shows what it would do",
      control: "Divides the link",
    } as Record<Mode, string>,
    confirmTitle: (mode: string) => `Switch to ${mode}?`,
    effects: {
      observe:
        "EqualNet stops dividing the link and only measures. Calls and games are no longer protected when the link is full.",
      suggest: "EqualNet stops dividing the link, keeps planning, and shows what it would do. Nothing is held back.",
      control:
        "EqualNet divides the link by your priorities. On a full link some devices will be held to a lower rate so that calls, games and web pages stay quick. While there is room, nothing is held back.",
    } as Record<Mode, string>,
    apply: (mode: string) => `Switch to ${mode}`,
    done: (mode: string) => `EqualNet is in mode ${mode} now.`,
    unknown: "Not known yet",
  },

  user: {
    signOut: "Sign out",
    theme: "Theme",
    themes: { system: "System", light: "Light", dark: "Dark" },
    redact: "Hide names",
    redactOn: "Names hidden",
    shortcuts: "Keyboard shortcuts",
    more: "More",
    close: "Close",
    cancel: "Cancel",
  },

  status: {
    names: { fine: "Fine", busy: "Busy", strained: "Strained", down: "Down" } as Record<State, string>,
    use: (down: string, up: string) => `${down} down, ${up} up.`,
    active: (n: number) => `${plural(n, "device", "devices")} active.`,
    nobody: "No one is being slowed.",
    nobodyByUs: "EqualNet holds no one back in this mode.",
    held: (to: string) => ` is held to ${to}`,
    borrows: " moves more than its part: it borrows what others leave.",
    heldMore: (n: number) => `${plural(n, "more is", "more are")} held.`,
    foreseen: (wait: string) => `The link is expected to be full in about ${wait}.`,
    noLink: "No link is up, or nothing can be measured.",
  },

  tiles: {
    down: "Down",
    up: "Up",
    ofCapacity: (share: number) => `${share} %`,
    capacity: (text: string) => `capacity ${text}`,
    reserved: (text: string) => `${text} reserved`,
    noCapacity: "capacity not known",
    next: "Next 60 s",
    likely: "likely",
    atMost: "at most",
    hit: (permille: number) => `stayed below “at most” ${Math.round(permille / 10)} % of the last hour (should be 90)`,
    noHit: "hit rate: too few forecasts yet",
    learning: "Needs about 2 min to learn.",
    predicted: "P",
  },

  quality: {
    title: "The line",
    loading: "Asking EqualNet…",
    underLoad: (ms: number, seconds: number) =>
      `${Math.round(ms)} ms added under load, in ${plural(seconds, "busy second", "busy seconds")}`,
    notYet: "Under load: not enough traffic yet",
    now: (ms: number) => `${ms.toFixed(1)} ms more than usual now`,
    stated: (rate: string) => `${rate}, as stated.`,
    within: (min: string, max: string) => `Looked for from ${min} to ${max}.`,
    ms: (ms: number) => `${ms < 9.95 ? ms.toFixed(1) : Math.round(ms)}\u00a0ms`,
    noFares: "No round trips are seen yet: they are measured in TCP and QUIC, by eBPF.",
    columns: {
      device: "Device",
      near: "To it",
      far: "To the internet",
      again: "Sent again",
      underLoad: "Under load",
    },
  },

  outlook: {
    title: "The next day",
    of: "Whose next day",
    link: "The whole link",
    loading: "Asking EqualNet…",
    learning: (hours: number) =>
      `Learning: ${plural(hours, "hour was", "hours were")} recorded. The next day can be foreseen after three days, the week after three weeks.`,
    hour: "Next hour",
    day: "Next 24 h",
    atMost: (text: string) => `at most ${text}`,
    bars: "The next 24 hours, both ways together",
    key: "filled: likely, hatched: at most (9 of 10)",
    busy: "Usually busiest",
    even: "no hour stands out",
    days: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    used: (used: string, volume: string, since: string) => `${used} of ${volume} used since ${since}.`,
    missing: (hours: number) => `${hours} h of it not recorded.`,
    atEnd: (end: string, likely: string, most: string) => `On ${end}: ${likely} likely, ${most} at most.`,
    already: (end: string) => `The quota is used up. It begins again on ${end}.`,
    lasts: (end: string) => `The quota lasts until ${end}.`,
    mayRunOut: (earliest: string, end: string) =>
      `The quota likely lasts until ${end}. It may run out from ${earliest} on.`,
    runsOut: (likely: string, earliest: string, latest: string) =>
      `The quota runs out about ${likely} (${earliest} at the earliest, ${latest}).`,
    latest: (at: string) => `${at} at the latest`,
    perhapsNot: (end: string) => `perhaps not before ${end}`,
    quotaLearning: "When the quota runs out can be said after three days.",
  },

  river: {
    title: "River",
    lanesTitle: "Lanes",
    river: "River",
    lanes: "Lanes",
    table: "Table",
    tableHint: "Show the values as a table (t)",
    lanesHint: "One lane for each class (v)",
    cursor: "Time cursor. Arrow keys move by 1 s, with Shift by 10 s. Enter opens the moment.",
    now: "now",
    link: (text: string) => `Link ${text}`,
    likely: (text: string) => `likely ${text}`,
    atMost: (text: string) => `at most ${text}`,
    learning: "forecast needs about 2 min to learn",
    notKnown: "not measured",
    down: "↓ download",
    up: "↑ upload",
    all: "All",
    legend: "Classes. Select to show one alone; with Shift to add.",
    total: "Total",
    time: "Time",
    reserved: "reserved",
    borrowing: "borrowing",
    lending: "lending",
    moment: "At this moment",
    momentTop: "Most active devices",
    momentDecisions: "Decisions within 10 s",
    noDecisions: "None.",
    noDevices: "Device values go back 5 minutes only.",
    scaleZoomed: "each lane has its own scale",
    caption: (span: string, direction: string, total: string, top: string, next: string) =>
      `Last ${span}, ${direction}: now ${total}${top === "" ? "" : `, most of it ${top}`}. ${next}`,
    captionNext: (p50: string, p90: string) => `Next 60 s: ${p50} likely, ${p90} at most.`,
    captionLearning: "The forecast is still learning.",
    reading: (when: string, total: string, parts: string) =>
      `${when}: total ${total}${parts === "" ? "" : `, ${parts}`}`,
  },

  alerts: {
    title: "Alerts",
    severities: { info: "Info", warning: "Warning", critical: "Critical" } as Record<string, string>,
    times: (n: number) => `${n}×`,
    more: (n: number) => `and ${n} more`,
  },

  top: {
    title: "Top devices",
    all: "All devices",
    empty: "Nothing is moving right now.",
    of: (text: string) => `of ${text}`,
  },

  queues: {
    title: "Queues",
    lead: "waiting, as time to drain",
    protectedDrops: (n: number) =>
      n === 0
        ? "No drops in protected classes since start."
        : `${plural(n, "drop", "drops")} in protected classes since start.`,
    drops: (n: number) => `${n}/s dropped`,
    first: "first served",
    last: "first to wait",
    none: "Nothing is waiting.",
    notShaping: "EqualNet is not shaping, so it keeps no queues.",
  },

  decisions: {
    title: "Decisions",
    lead: "last 10 min",
    empty: "Nothing had to be changed.",
    by: (who: string) =>
      who === "auto" ? "automatic" : who === "configuration" ? "from the configuration" : `by ${who}`,
  },

  devices: {
    filter: "Filter",
    filterHint: "name, ip, mac, vendor, class:streaming, rate>5M, priority:1, held, new, active",
    filterBad: (term: string) => `“${term}” is not understood`,
    counts: (active: number, known: number, held: number) => `${active} active · ${known} known · ${held} held`,
    matching: (n: number) => `${n} shown`,
    freeze: "Freeze order",
    frozen: "Order frozen",
    dense: "Dense rows",
    comfortable: "Comfortable rows",
    columns: {
      state: "State",
      name: "Device",
      priority: "Priority",
      class: "Class",
      recent: "last 5 min",
      down: "now",
      up: "now",
      gets: "predicted → gets",
      volume: "today",
      why: "Why",
    },
    sortDown: "Download now",
    sortUp: "Upload now",
    sort: "Sort by",
    reverse: "Reverse",
    states: { active: "active", idle: "quiet", held: "held", borrows: "borrows", new: "new" },
    borrowsHint: "Moves more than its part: it borrows what others leave.",
    lastSeen: (when: string) => `last seen ${when}`,
    why: "Why?",
    whyFor: (name: string) => `Why does ${name} get this rate?`,
    empty: "No device has been seen yet.",
    emptyHint: "EqualNet lists a device as soon as it moves something on the local side.",
    noMatch: "No device matches this filter.",
    clear: "Clear filter",
    unknownClass: "–",
    bullet: (now: string, p50: string, p90: string, gets: string) =>
      `uses ${now}, ${p50} likely, ${p90} at most, gets ${gets}`,
    noForecast: "learning",
  },

  priority: {
    names5: ["Critical", "High", "Normal", "Low", "Background"],
    level: (n: number) => `Priority ${n}`,
    name: (n: number, levels: number) =>
      levels === 5
        ? (["Critical", "High", "Normal", "Low", "Background"][n - 1] ?? "")
        : n === 1
          ? "first"
          : n === levels
            ? "last"
            : "",
    edit: (name: string, level: string) => `Priority of ${name}: ${level}. Change`,
    title: "Served in which order on a full link?",
    asking: "Working out the effect…",
    effect: "At the demand foreseen now:",
    none: "Changes no rate right now: the link has room. It counts when the link is full.",
    more: (n: number) => `and ${plural(n, "other device", "other devices")}`,
    apply: "Apply",
    applying: "Applying…",
    done: (name: string, n: number) => `${name} now has priority ${n}.`,
    undo: "Undo",
    undone: "Undone.",
  },

  flows: {
    title: "Busiest flows",
    lead: "What each is taken for, and why. Where that is wrong, say so.",
    loading: "Asking EqualNet…",
    empty: "Nobody talks.",
    columns: { device: "Device", to: "Talks to", class: "Class" },
    change: (end: string) => `Change what ${end} is`,
    thisIs: "This is …",
    onlyFor: "Only for",
    done: (what: string, title: string) => `${title} from now on: ${what}.`,
  },

  rules: {
    title: "Rules",
    lead: "The first that fits a flow wins. Counted since EqualNet started.",
    empty: "None: EqualNet decides by itself. Correct a flow above, and it becomes a rule.",
    never: "never matched",
    fromFile: "from the configuration",
    flows: (n: number) => plural(n, "flow", "flows"),
    remove: "Remove this rule",
    removed: (what: string) => `Removed: ${what}.`,
  },

  why: {
    title: "Why",
    what: "What",
    grounds: "Why",
    sum: "Made of",
    recent: "Recent decisions",
    loading: "Asking EqualNet…",
    parts: { guarantee: "guarantee", share: "share", borrowed: "borrowed" } as Record<string, string>,
    noGrounds: "Nothing holds it back.",
    failed: "The reason could not be read.",
  },

  toast: { dismiss: "Dismiss" },

  keys: {
    title: "Keyboard shortcuts",
    typing: "Shortcuts are off while typing.",
    groups: {
      go: "Go to",
      view: "View",
      chart: "Chart (when focused)",
      rows: "Devices",
    },
    list: {
      goOverview: "Overview",
      goDevices: "Devices",
      goFlows: "Flows",
      pause: "Pause or resume",
      direction: "Download, upload, both",
      range: "Shorter or longer window",
      unit: "bit/s or byte/s",
      lanes: "River or lanes",
      table: "Chart as a table",
      redact: "Hide names and addresses",
      theme: "System, light, dark",
      names: "Names or addresses",
      undo: "Undo the last change",
      help: "This sheet",
      cursor: "Move the cursor by 1 s, with Shift 10 s",
      moment: "Open the moment",
      isolate: "Show one class alone",
      close: "Close, or back to all classes",
      filter: "Filter",
      rows: "Next or previous row",
      why: "Why, for the focused row",
      priority: "Set the priority of the focused row",
      freeze: "Freeze the order of rows",
      sort: "Sort by the next column, with Shift reverse",
    },
  },
} as const;
