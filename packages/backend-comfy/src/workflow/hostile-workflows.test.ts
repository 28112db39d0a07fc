import { FakeComfy } from "@latentkit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { comfy } from "../comfy-backend.ts";
import { parseExact } from "../http/exact-json.ts";
import type { ObjectInfo } from "../server/object-info.ts";
import { parseInputs } from "../server/parse-inputs.ts";
import { uiToApi } from "./ui-to-api.ts";
import type { UiWorkflow } from "./ui-workflow.ts";

let fake: FakeComfy;
let info: ObjectInfo;

beforeAll(async () => {
  fake = await FakeComfy.start();
  const backend = comfy({ url: fake.url });
  info = await backend.server.objectInfo();
  await backend.dispose();
});
afterAll(() => fake.stop());

/** Subgraphs, each with so many of the next within it. */
function nested(depth: number, each: number): UiWorkflow {
  const nodesOf = (level: number) =>
    Array.from({ length: each }, (_, id) => ({ id: id + 1, type: level < depth ? `s${level}` : "EmptyLatentImage" }));
  const subgraphs = Array.from({ length: depth }, (_, level) => ({
    id: `s${level}`,
    nodes: nodesOf(level + 1),
    links: [],
  }));
  return { nodes: nodesOf(0), links: [], definitions: { subgraphs } } as unknown as UiWorkflow;
}

describe("a stranger's workflow", () => {
  it("is refused where its subgraphs unfold to millions of nodes, or nest without end", () => {
    expect(Object.keys(uiToApi(nested(3, 3), info))).toHaveLength(81);
    expect(() => uiToApi(nested(30, 2), info)).toThrow("unfold to more than 10000 nodes");
    expect(() => uiToApi(nested(5000, 1), info)).toThrow("nested more than 100 deep");
  });

  it("is read in one go where its JSON is none, whatever quotes are in it", () => {
    expect(() => parseExact(`{"a": "${'\\"'.repeat(200_000)}`)).toThrow(SyntaxError);
    expect(parseExact('{"a": NaN, "b": "NaN \\" NaN", "c": -Infinity}')).toEqual({ a: null, b: 'NaN " NaN', c: null });
  });
});

describe("a hostile server's node types", () => {
  it("grow by no more than anybody wires", () => {
    const template = { input: { required: { x: ["IMAGE", {}] } }, prefix: "x", max: 1e9, min: 1 };
    const [input] = parseInputs({ required: { many: ["COMFY_AUTOGROW_V3", { template }] } } as never, {}, true);
    expect(input).toMatchObject({ kind: "autogrow", max: 1000 });
  });
});
