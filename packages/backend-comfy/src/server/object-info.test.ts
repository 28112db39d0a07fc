import { describe, expect, it } from "vitest";
import { ObjectInfo } from "./object-info.ts";

const parse = (nodes: Record<string, unknown>) => ObjectInfo.parse(nodes);

describe("ObjectInfo.parse", () => {
  it.each([
    ["a number", 5],
    ["a list", [1]],
    ["no list of outputs", { input: { required: {} }, output: "IMAGE" }],
    ["inputs as text", { input: "none", output: [] }],
    ["a section of inputs as a list", { input: { required: [["x"]] }, output: [] }],
  ])("leaves out a node that is declared in no known form: %s", (_, declared) => {
    const info = parse({ Odd: declared, SaveImage: { input: { required: {} }, output: [] } });
    expect([...info.nodes.keys()]).toEqual(["SaveImage"]);
  });

  it("takes what is missing or null for nothing said", () => {
    const info = parse({
      Bare: {},
      Empty: { input: null, output: null },
      Odd: {
        input: {
          required: { a: null, b: ["INT", null], c: [["x"]], d: "STRING", e: ["IMAGE", "text"] },
          optional: null,
        },
        input_order: { required: "b" },
        output: ["IMAGE"],
        output_name: null,
      },
    });
    expect([...info.nodes.keys()]).toEqual(["Bare", "Empty", "Odd"]);
    expect(info.node("Bare")).toMatchObject({ inputs: [], outputs: [] });
    expect(info.node("Odd")?.inputs).toEqual([
      { name: "b", required: true, type: "INT", kind: "number", integer: true },
      { name: "c", required: true, type: "COMBO", kind: "combo", options: ["x"] },
      { name: "e", required: true, type: "IMAGE", kind: "link" },
    ]);
    expect(info.node("Odd")?.outputs).toEqual([{ name: "IMAGE", type: "IMAGE", isList: false }]);
  });
});
