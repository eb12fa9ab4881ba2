// Who is logged in. The cookie is the daemon's; this only remembers what it answered.

import { create } from "zustand";
import { ApiError, api, explain, whenSignedOut } from "./api";
import { live } from "./live/live";

type Session =
  | { kind: "unknown" }
  | { kind: "out" }
  | { kind: "in"; user: string }
  | { kind: "error"; message: string };

export const useSession = create<{ session: Session }>(() => ({ session: { kind: "unknown" } }));

function signedOut() {
  live.stop();
  useSession.setState({ session: { kind: "out" } });
}

function signedIn(user: string) {
  useSession.setState({ session: { kind: "in", user } });
  live.start(signedOut);
}

whenSignedOut(signedOut);

/** Asks the daemon who this browser is. */
export async function findSession() {
  try {
    signedIn((await api.session()).user);
  } catch (error) {
    if (error instanceof ApiError && (error.problem.status === 401 || error.problem.status === 403)) signedOut();
    else useSession.setState({ session: { kind: "error", message: explain(error) } });
  }
}

/** Logs in; throws `ApiError` where the daemon refuses. */
export async function signIn(password: string) {
  signedIn((await api.signIn(password)).user);
}

export async function signOut() {
  // Whatever the daemon answers, this page forgets.
  await api.signOut().catch(() => undefined);
  signedOut();
}
