import { expect, test } from "vitest";
import { dynamicShiftOf } from "./dynamic-shift-of.ts";

test("a scheduler that shifts by the picture's size gives its shift, any other none", () => {
  expect(dynamicShiftOf({ shift: 3 }, 1024, undefined)).toBeUndefined();
  const dynamic = { use_dynamic_shifting: true };
  // FLUX.1's line: μ 0.5 at 256 tokens, 1.15 at 4096.
  expect(dynamicShiftOf(dynamic, 256, undefined)).toBeCloseTo(Math.exp(0.5), 6);
  expect(dynamicShiftOf({ ...dynamic, max_shift: 2 }, 4096, undefined)).toBeCloseTo(Math.exp(2), 6);
  expect(dynamicShiftOf(dynamic, 4096, 2.02)).toBeCloseTo(Math.exp(2.02), 6);
  expect(dynamicShiftOf({ ...dynamic, time_shift_type: "linear" }, 4096, 2.02)).toBe(2.02);
});
