import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { document, withOptionTables } from "./option-tables.ts";

test("docs/samplers.md lists the options that there are", () => {
  const text = readFileSync(document, "utf8");
  expect(text, "run: node tools/docs/options.ts").toBe(withOptionTables(text));
});
