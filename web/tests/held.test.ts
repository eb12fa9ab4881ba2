import { expect, test } from "vitest";
import { standing, worstStanding } from "../src/devices/held";
import type { DeviceNow } from "../src/live/state";

const device = (heldDown: boolean, down: number, getsDown: number, heldUp = false, up = 0, getsUp = 0) =>
  ({ heldDown, down, getsDown, heldUp, up, getsUp }) as DeviceNow;

test.each([
  ["what is not held is free, whatever it moves", device(false, 90, 10), "free"],
  ["at its part it is held", device(true, 10_000, 10_000), "held"],
  ["a little above is noise", device(true, 11_000, 10_000), "held"],
  ["far above its part it borrows", device(true, 8_800, 210), "borrows"],
  ["silent and without a part it is held", device(true, 0, 0), "held"],
  ["without a plan there is nothing to borrow from", device(true, 500, -1), "held"],
] as const)("%s", (_, is, expected) => {
  expect(standing(is, "down")).toBe(expected);
});

test("being held in one direction counts more than borrowing in the other", () => {
  expect(worstStanding(device(true, 8_800, 210, true, 100, 100))).toBe("held");
  expect(worstStanding(device(true, 8_800, 210))).toBe("borrows");
  expect(worstStanding(device(false, 0, 0))).toBe("free");
});
