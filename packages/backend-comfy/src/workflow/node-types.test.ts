import { readFile } from "node:fs/promises";
import { FakeComfy } from "@latentkit/testing";
import { expect, it } from "vitest";
import { comfy } from "../comfy-backend.ts";
import { ObjectInfo } from "../server/object-info.ts";
import { generateNodeTypes } from "./node-types.ts";

it("writes the file that the other tests compile against", async () => {
  const fake = await FakeComfy.start();
  const backend = comfy({ url: fake.url });
  try {
    const text = generateNodeTypes(await backend.server.objectInfo(), { source: "the fake server" });
    expect(text).toBe(await readFile(new URL("./fixtures/fake-nodes.ts", import.meta.url), "utf8"));
  } finally {
    await backend.dispose();
    await fake.stop();
  }
});

it("writes names, choices and comments that cannot break out of the file", () => {
  const info = ObjectInfo.parse({
    'Odd "node"': {
      input: {
        required: { "a b": [['x"y', 3, true], {}], any: ["*"] },
        optional: { both: ["IMAGE,MASK"], flag: ["BOOLEAN"] },
      },
      output: ["IMAGE"],
      display_name: "Odd */ one",
      description: "two\nlines",
    },
  });
  expect(generateNodeTypes(info, { source: "x" }).split("\n").slice(5, 16)).toEqual([
    "  /** Odd *\\/ one: two lines */",
    '  "Odd \\"node\\"": {',
    "    inputs: {",
    '      "a b": "x\\"y" | 3 | true | NodeLink<"COMBO">;',
    '      "any": NodeLink;',
    '      "both"?: NodeLink<"IMAGE"> | NodeLink<"MASK">;',
    '      "flag"?: boolean | NodeLink<"BOOLEAN">;',
    "    };",
    '    outputs: ["IMAGE"];',
    "  };",
    "}",
  ]);
});
