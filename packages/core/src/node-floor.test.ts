import { expect, it } from "vitest";
import { checkNode } from "./node-floor.ts";

it("refuses an old Node in one sentence, and nothing else", () => {
  expect(() => checkNode({ node: "20.19.5" })).toThrow("LatentKit needs Node 22.19 or newer; this is Node 20.19.5.");
  expect(() => checkNode({ node: "22.18.0" })).toThrow(/22.18.0/);
  for (const versions of [{ node: "22.19.0" }, { node: "24.11.1" }, { node: "20.1.0", bun: "1.4" }, {}])
    expect(() => checkNode(versions)).not.toThrow();
  expect(() => checkNode()).not.toThrow();
});
