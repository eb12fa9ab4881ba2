// Which page stands at which address.

import { createRootRoute, createRoute, createRouter, Outlet } from "@tanstack/react-router";
import { Frame } from "./frame/Frame";
import { Devices } from "./pages/Devices";
import { Crashed, NotFound } from "./pages/Failed";
import { Flows } from "./pages/Flows";
import { Login } from "./pages/Login";
import { Overview } from "./pages/Overview";
import { parseRange } from "./range";

export interface PageSearch {
  /** The live window, e.g. `5m`. */
  range?: string;
  /** The filter of the devices. */
  q?: string;
}

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound, errorComponent: Crashed });

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (search: Record<string, unknown>): { next?: string } =>
    // Only a place on this site, so that a link cannot send a freshly logged-in person elsewhere.
    typeof search.next === "string" && /^\/(?![/\\])/.test(search.next) ? { next: search.next } : {},
  component: Login,
});

const frame = createRoute({
  getParentRoute: () => root,
  id: "frame",
  validateSearch: (search: Record<string, unknown>): PageSearch => ({
    ...(typeof search.range === "string" && parseRange(search.range) ? { range: search.range } : {}),
    ...(typeof search.q === "string" && search.q !== "" ? { q: search.q } : {}),
  }),
  component: Frame,
});

const overview = createRoute({ getParentRoute: () => frame, path: "/", component: Overview });
const devices = createRoute({ getParentRoute: () => frame, path: "/devices", component: Devices });
const flows = createRoute({ getParentRoute: () => frame, path: "/flows", component: Flows });

export const router = createRouter({
  routeTree: root.addChildren([login, frame.addChildren([overview, devices, flows])]),
  defaultPreload: false,
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
