import { Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { live, useConnection } from "../live/live";
import { ToastPlace, undoLast } from "../parts/toast";
import { useMedia } from "../parts/useMedia";
import { WhySheet } from "../parts/Why";
import { useRange } from "../range";
import { findSession, useSession } from "../session";
import { next, SHOWN, THEMES, useSettings } from "../settings";
import { useShortcuts } from "../shortcuts";
import { words } from "../words";
import { Bars } from "./Bars";
import { Header } from "./Header";
import { Rail, Tabs } from "./Rail";
import { ShortcutSheet } from "./ShortcutSheet";
import { useStale } from "./useStale";

/** What stands around every page: rail, header, bars, and the keys that work everywhere. */
export function Frame() {
  const { session } = useSession();
  const navigate = useNavigate();
  const location = useLocation();
  const href = location.href;

  useEffect(() => {
    if (session.kind === "unknown") findSession();
    // On the way to the login this frame is still there for a moment.
    if (session.kind === "out" && !href.startsWith("/login")) {
      navigate({ to: "/login", search: href === "/" ? {} : { next: href }, replace: true });
    }
  }, [session.kind, href, navigate]);

  if (session.kind === "error") {
    return (
      <main className="grid min-h-dvh place-items-center p-4 text-center">
        <div>
          <h1 className="mb-4 text-h2">{session.message}</h1>
          <button type="button" className="control primary" onClick={findSession}>
            {words.live.now}
          </button>
        </div>
      </main>
    );
  }
  return session.kind === "in" ? <SignedIn /> : null;
}

function SignedIn() {
  const [help, setHelp] = useState(false);
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const range = useRange();
  const phone = useMedia("(max-width: 639px)");
  const { set } = useSettings();
  const stale = useStale();
  const connection = useConnection();

  const { overview, devices, flows } = words.pages;
  const title = pathname === "/devices" ? devices : pathname === "/flows" ? flows : overview;
  useEffect(() => {
    document.title = `${title} · ${words.product}`;
  }, [title]);

  function moveRange(by: number) {
    const place = range.offered.indexOf(range.minutes) + by;
    const wanted = range.offered[place];
    if (wanted !== undefined) range.set(wanted);
  }

  useShortcuts({
    "?": () => setHelp(true),
    space: () => live.setPaused(!live.isPaused()),
    d: () => set({ shown: next(SHOWN, useSettings.getState().shown) }),
    u: () => set({ unit: useSettings.getState().unit === "bit" ? "byte" : "bit" }),
    n: () => set({ addresses: !useSettings.getState().addresses }),
    z: () => void undoLast(),
    "[": () => moveRange(-1),
    "]": () => moveRange(1),
    "Shift+R": () => set({ redact: !useSettings.getState().redact }),
    "Shift+D": () => set({ theme: next(THEMES, useSettings.getState().theme) }),
    "g o": () => navigate({ to: "/", search: true }),
    "g d": () => navigate({ to: "/devices", search: true }),
    "g f": () => navigate({ to: "/flows", search: true }),
  });

  return (
    <div className="sm:grid sm:min-h-dvh sm:grid-cols-[4.5rem_minmax(0,1fr)] lg:grid-cols-[14rem_minmax(0,1fr)]">
      <a
        href="#page"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-control focus:bg-raised focus:px-3 focus:py-2"
      >
        {words.skip}
      </a>
      {!phone && <Rail onHelp={() => setHelp(true)} />}
      <div className="flex min-w-0 flex-col">
        <Header title={title} />
        <Bars />
        <main
          id="page"
          tabIndex={-1}
          data-stale={stale || connection.kind === "lost" || undefined}
          className="mx-auto w-full max-w-[1680px] flex-1 px-3 pt-3 pb-24 outline-none sm:px-6 sm:pt-4 sm:pb-8"
        >
          <Outlet />
        </main>
      </div>
      {phone && <Tabs onHelp={() => setHelp(true)} />}
      {help && <ShortcutSheet onClose={() => setHelp(false)} />}
      <WhySheet />
      <ToastPlace />
    </div>
  );
}
