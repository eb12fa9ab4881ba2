import { Link } from "@tanstack/react-router";
import { words } from "../words";

export function NotFound() {
  return (
    <main className="grid min-h-dvh place-items-center p-4 text-center">
      <div>
        <h1 className="mb-2 text-h2">{words.errors.notFound}</h1>
        <Link to="/">{words.pages.overview}</Link>
      </div>
    </main>
  );
}

/** A bug of this page; the daemon is not touched by it. */
export function Crashed({ error }: { error: unknown }) {
  return (
    <main className="grid min-h-dvh place-items-center p-4 text-center">
      <div>
        <h1 className="mb-2 text-h2">{words.errors.crashed}</h1>
        <p className="mb-4 font-mono text-table text-muted">{error instanceof Error ? error.message : String(error)}</p>
        <button type="button" className="control primary" onClick={() => window.location.reload()}>
          {words.errors.reload}
        </button>
      </div>
    </main>
  );
}
