// REST under `/api/v1`. Every changing request carries the token that the login answered with.

import type {
  ChangeEffect,
  Device,
  DeviceChange,
  Flow,
  History,
  Mode,
  Outlook,
  PolicyView,
  Problem,
  Reclassify,
  Rule,
  RuleChange,
  SessionState,
  Status,
  Why,
} from "./contract";
import { words } from "./words";

/** An answer that is not 2xx, or no answer at all (`status` 0). */
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title);
  }
}

let csrf = "";
let onSignedOut = () => {};

/** What to do when the daemon says that nobody is logged in. */
export function whenSignedOut(act: () => void) {
  onSignedOut = act;
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrf !== "") headers["X-CSRF-Token"] = csrf;
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError({ status: 0, code: "unreachable", title: words.errors.unreachable });
  }
  if (response.ok) {
    const text = await response.text();
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }
  const problem = await readProblem(response);
  if (response.status === 401 && path !== "/session") onSignedOut();
  throw new ApiError(problem);
}

async function readProblem(response: Response): Promise<Problem> {
  try {
    const problem: Problem = await response.json();
    if (typeof problem.title === "string") return problem;
  } catch {
    // A proxy's error page: the status says enough.
  }
  return { status: response.status, code: "internal", title: words.errors.status(response.status) };
}

async function withToken(answer: Promise<SessionState>): Promise<SessionState> {
  const session = await answer;
  csrf = session.csrf;
  return session;
}

export const api = {
  session: () => withToken(call<SessionState>("GET", "/session")),
  signIn: (password: string) => withToken(call<SessionState>("POST", "/session", { user: "admin", password })),
  signOut: () => call<void>("DELETE", "/session"),
  status: () => call<Status>("GET", "/status"),
  devices: () => call<Device[]>("GET", "/devices"),
  policy: () => call<PolicyView>("GET", "/policy"),
  setMode: (mode: Mode) => call<unknown>("PUT", "/mode", { mode }),
  why: (id: string) => call<Why>("GET", `/why/${encodeURIComponent(id)}`),
  preview: (id: string, change: DeviceChange) =>
    call<ChangeEffect>("POST", `/policy/devices/${encodeURIComponent(id)}/preview`, change),
  change: (id: string, change: DeviceChange) =>
    call<ChangeEffect>("PUT", `/policy/devices/${encodeURIComponent(id)}`, change),
  flows: (limit: number) => call<Flow[]>("GET", `/flows?limit=${limit}`),
  reclassify: (id: string, wanted: Reclassify) => call<Rule>("POST", `/flows/${encodeURIComponent(id)}/class`, wanted),
  rules: () => call<Rule[]>("GET", "/rules"),
  addRule: (rule: RuleChange) => call<Rule>("POST", "/rules", rule),
  removeRule: (id: string) => call<void>("DELETE", `/rules/${encodeURIComponent(id)}`),
  /** Of the link where `device` is empty. */
  outlook: (device: string) =>
    call<Outlook>("GET", `/outlook${device === "" ? "" : `?${new URLSearchParams({ device })}`}`),
  history: (from: number, to: number, stepMs: number, fields: string) =>
    call<History>(
      "GET",
      `/history?${new URLSearchParams({
        from: String(Math.floor(from)),
        to: String(Math.ceil(to)),
        step: String(stepMs),
        fields,
      })}`,
    ),
};

/** What to tell a person about something thrown. */
export function explain(error: unknown): string {
  if (error instanceof ApiError) {
    return error.problem.detail ? `${error.problem.title}. ${error.problem.detail}` : error.problem.title;
  }
  return words.errors.unexpected;
}
