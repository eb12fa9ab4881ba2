import { Link } from "@tanstack/react-router";
import { ArrowLeftRight, Ellipsis, Keyboard, LayoutDashboard, LogOut, MonitorSmartphone } from "lucide-react";
import { useState } from "react";
import { useLive } from "../live/live";
import { Sheet } from "../parts/Sheet";
import { signOut } from "../session";
import { words } from "../words";
import { RedactButton, ThemeButton } from "./Header";
import { Logo } from "./Logo";
import { ModeButton, ModeSwitch } from "./Mode";

/** What exists, and nothing else. */
const PAGES = [
  { to: "/", title: words.pages.overview, Icon: LayoutDashboard },
  { to: "/devices", title: words.pages.devices, Icon: MonitorSmartphone },
  { to: "/flows", title: words.pages.flows, Icon: ArrowLeftRight },
] as const;

export function Rail({ onHelp }: { onHelp: () => void }) {
  return (
    <aside className="sticky top-0 z-30 flex h-dvh flex-col border-r border-line bg-card">
      <div className="flex h-14 items-center gap-2.5 px-4 max-lg:justify-center max-lg:px-0">
        <Logo size={28} />
        <span className="text-lead font-semibold tracking-tight max-lg:sr-only">{words.product}</span>
      </div>
      <nav aria-label={words.groups.live} className="flex-1 overflow-y-auto px-2 py-2">
        <p className="px-2 pb-1 text-caption font-medium text-muted max-lg:sr-only">{words.groups.live}</p>
        <ul className="space-y-0.5">
          {PAGES.map(({ to, title, Icon }) => (
            <li key={to}>
              <Link
                to={to}
                search={({ range }) => ({ range })}
                activeOptions={{ exact: true, includeSearch: false }}
                title={title}
                className="flex min-h-9 items-center gap-3 rounded-control border-l-3 border-transparent px-2 text-text no-underline hover:bg-hover aria-[current=page]:border-accent aria-[current=page]:bg-hover aria-[current=page]:font-medium max-lg:justify-center max-lg:px-0"
              >
                <Icon size={20} strokeWidth={1.75} aria-hidden />
                <span className="max-lg:sr-only">{title}</span>
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div className="space-y-2 border-t border-line p-3 max-lg:px-1.5">
        <ModeSwitch />
        <LinkState />
        <div className="flex gap-1 max-lg:flex-col">
          <button
            type="button"
            className="control flex-1 border-transparent bg-transparent px-1 text-muted"
            onClick={onHelp}
            title={`${words.user.shortcuts} (?)`}
          >
            <Keyboard size={16} aria-hidden />
            <span className="max-lg:sr-only">?</span>
            <span className="sr-only">{words.user.shortcuts}</span>
          </button>
          <button
            type="button"
            className="control flex-2 border-transparent bg-transparent px-1 text-muted"
            onClick={signOut}
            title={words.user.signOut}
          >
            <LogOut size={16} aria-hidden />
            <span className="max-lg:sr-only">{words.user.signOut}</span>
          </button>
        </div>
      </div>
    </aside>
  );
}

function LinkState() {
  const name = useLive((state) => state?.status.links[0]?.name);
  const interfaces = useLive((state) => state?.status.links[0]?.interfaces.join(" – "));
  const shaping = useLive((state) => state?.status.links[0]?.shaping);
  const detail = useLive((state) => state?.status.links[0]?.shaping_detail ?? "");
  if (name === undefined) return null;
  return (
    <p className="truncate text-caption text-muted max-lg:hidden">
      {name}
      {interfaces !== "" && interfaces !== name && <span className="font-mono"> {interfaces}</span>}
      <br />
      {words.link.shaping[shaping ?? "off"]}
      {shaping === "on" && detail !== "" && <span className="font-mono"> {detail}</span>}
    </p>
  );
}

/** Bottom tabs of a phone. */
export function Tabs({ onHelp }: { onHelp: () => void }) {
  const [more, setMore] = useState(false);
  const tab = "flex min-h-14 flex-1 flex-col items-center justify-center gap-0.5 text-caption";
  return (
    <>
      <nav
        aria-label={words.groups.live}
        className="fixed inset-x-0 bottom-0 z-30 flex border-t border-line bg-card pb-[env(safe-area-inset-bottom)]"
      >
        {PAGES.map(({ to, title, Icon }) => (
          <Link
            key={to}
            to={to}
            search={({ range }) => ({ range })}
            activeOptions={{ exact: true, includeSearch: false }}
            className={`${tab} text-muted no-underline aria-[current=page]:font-medium aria-[current=page]:text-accent`}
          >
            <Icon size={20} strokeWidth={1.75} aria-hidden />
            {title}
          </Link>
        ))}
        <ModeButton className={`${tab} text-muted`} />
        <button type="button" className={`${tab} text-muted`} onClick={() => setMore(true)}>
          <Ellipsis size={20} strokeWidth={1.75} aria-hidden />
          {words.user.more}
        </button>
      </nav>
      {more && (
        <Sheet kind="side" title={words.user.more} onClose={() => setMore(false)}>
          <div className="space-y-2">
            <ThemeButton wide />
            <RedactButton wide />
            <button
              type="button"
              className="control min-h-11 w-full justify-start"
              onClick={() => {
                setMore(false);
                onHelp();
              }}
            >
              <Keyboard size={16} aria-hidden />
              {words.user.shortcuts}
            </button>
            <button type="button" className="control min-h-11 w-full justify-start" onClick={signOut}>
              <LogOut size={16} aria-hidden />
              {words.user.signOut}
            </button>
          </div>
        </Sheet>
      )}
    </>
  );
}
