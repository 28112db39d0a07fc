import { expect, test } from "vitest";
import { nestsDeeperThan } from "./nesting.ts";

test.each([
  ["{}", 0, true],
  ["{}", 1, false],
  ['{"a": [1, {"b": []}]}', 4, false],
  ['{"a": [1, {"b": []}]}', 3, true],
  ["[[], [], []]", 2, false],
  ['{"[[[": "{{{", "\\"[[": "\\\\"}', 1, false],
  ['{"never closed [[[', 1, false],
])("%s nests deeper than %i: %s", (json, limit, expected) => {
  expect(nestsDeeperThan(json, limit)).toBe(expected);
});
