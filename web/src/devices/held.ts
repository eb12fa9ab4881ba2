// Held is what the plan says: the device gets less than it wants. The kernel lends what others leave, so it may move
// more than that; then nothing is cut, and saying "held to" its part would be wrong.

import type { Direction } from "../live/series";
import type { DeviceNow } from "../live/state";

/** A device that moves this much more than its part borrows; below, it is noise of the measurement. */
const BORROWS_FROM = 1.2;

export type Standing = "free" | "held" | "borrows";

/** How a device stands in one direction. */
export function standing(device: DeviceNow, direction: Direction): Standing {
  const [held, use, gets] =
    direction === "down" ? [device.heldDown, device.down, device.getsDown] : [device.heldUp, device.up, device.getsUp];
  if (!held) return "free";
  return gets >= 0 && use > gets * BORROWS_FROM + 1 ? "borrows" : "held";
}

/** How it stands in both: being held in one direction is what counts. */
export function worstStanding(device: DeviceNow): Standing {
  const both = [standing(device, "down"), standing(device, "up")];
  return both.includes("held") ? "held" : both.includes("borrows") ? "borrows" : "free";
}
