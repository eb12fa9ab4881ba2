import { useNavigate, useSearch } from "@tanstack/react-router";
import { Eye, EyeOff } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import { ApiError, explain } from "../api";
import { Logo } from "../frame/Logo";
import { findSession, signIn, useSession } from "../session";
import { words } from "../words";

/** One card, one field; goes back to where the person came from. */
export function Login() {
  const { next } = useSearch({ from: "/login" });
  const navigate = useNavigate();
  const { session } = useSession();
  const [password, setPassword] = useState("");
  const [visible, setVisible] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");

  useEffect(() => {
    document.title = `${words.login.title} · ${words.product}`;
    if (useSession.getState().session.kind === "unknown") findSession();
  }, []);

  useEffect(() => {
    if (session.kind === "in") navigate({ href: next ?? "/", replace: true });
  }, [session.kind, next, navigate]);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setProblem("");
    try {
      await signIn(password);
    } catch (error) {
      const status = error instanceof ApiError ? error.problem.status : 0;
      // With a detail there is something to do, as where no password is set yet.
      const plain = error instanceof ApiError && !error.problem.detail;
      if (plain && (status === 401 || status === 403)) setProblem(words.login.wrong);
      else setProblem(status === 429 ? words.login.slow : explain(error));
      setBusy(false);
    }
  }

  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <form onSubmit={submit} className="card w-full max-w-sm p-6 sm:p-8">
        <div className="mb-6 flex items-center gap-3">
          <Logo size={36} />
          <div>
            <h1 className="text-h2 leading-tight">
              <span className="sr-only">{words.login.title} – </span>
              {words.product}
            </h1>
            <p className="text-muted">{words.login.lead}</p>
          </div>
        </div>
        <input type="text" name="username" autoComplete="username" value="admin" readOnly hidden />
        <label htmlFor="password" className="mb-1 block text-table font-medium">
          {words.login.password}
        </label>
        <div className="relative">
          <input
            id="password"
            name="password"
            type={visible ? "text" : "password"}
            autoComplete="current-password"
            required
            // biome-ignore lint/a11y/noAutofocus: the page has this one field
            autoFocus
            value={password}
            aria-describedby="problem"
            aria-invalid={problem !== ""}
            onChange={(event) => setPassword(event.target.value)}
            className="h-11 w-full rounded-control border border-strong bg-card pr-11 pl-3 text-lead"
          />
          <button
            type="button"
            aria-pressed={visible}
            className="absolute inset-y-0 right-0 grid w-11 place-items-center text-muted"
            onClick={() => setVisible(!visible)}
          >
            {visible ? <EyeOff size={18} aria-hidden /> : <Eye size={18} aria-hidden />}
            <span className="sr-only">{visible ? words.login.hide : words.login.show}</span>
          </button>
        </div>
        <p id="problem" role="alert" className="mt-2 min-h-5 text-table text-crit">
          {problem}
        </p>
        <button type="submit" disabled={busy} className="control primary mt-2 h-11 w-full text-body">
          {busy ? words.login.busy : words.login.submit}
        </button>
      </form>
    </main>
  );
}
