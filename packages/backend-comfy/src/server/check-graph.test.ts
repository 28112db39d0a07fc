import { describe, expect, it } from "vitest";
import type { Graph } from "../graph/graph.ts";
import { checkGraph } from "./check-graph.ts";
import { ObjectInfo } from "./object-info.ts";

const info = ObjectInfo.parse({
  Loader: {
    input: { required: { name: [["a.safetensors", "b.safetensors"], {}] } },
    output: ["MODEL"],
    output_name: ["model"],
  },
  NewLoader: { input: { required: { name: ["COMBO", { options: ["a.safetensors"] }] } }, output: ["MODEL", "CLIP"] },
  Sampler: {
    input: {
      required: {
        model: ["MODEL"],
        seed: ["INT", { min: 0, max: 18446744073709551615n }],
        cfg: ["FLOAT", { min: 0, max: 100 }],
      },
      optional: { mask: ["MASK"], any: ["*"], text: ["STRING", { multiline: true }] },
    },
    output: ["LATENT"],
  },
  Picture: { input: { required: { image: [["old.png"], { image_upload: true }] } }, output: ["IMAGE"] },
  broken: null,
});

const check = (graph: Graph, fields = {}) =>
  checkGraph(graph, info, fields).map(({ field, message }) => `${field}: ${message}`);
const model = { class_type: "Loader", inputs: { name: "a.safetensors" } };

describe("checkGraph", () => {
  it("finds nothing wrong with a sound graph", () => {
    const inputs = { model: ["m", 0], seed: 2n ** 64n - 1n, cfg: 7.5, any: ["m", 0] } as const;
    expect(
      check({
        m: model,
        s: { class_type: "Sampler", inputs },
        p: { class_type: "Picture", inputs: { image: "new.png" } },
      }),
    ).toEqual([]);
  });

  it("leaves types that the server makes up to the server", () => {
    const dynamic = ObjectInfo.parse({
      Batch: { input: { required: { images: ["COMFY_AUTOGROW_V3", {}] } }, output: ["COMFY_MATCHTYPE_V3"] },
      Save: { input: { required: { image: ["IMAGE"] } }, output: [] },
    });
    const graph: Graph = {
      b: { class_type: "Batch", inputs: { "images.image0": ["x", 0] } },
      s: { class_type: "Save", inputs: { image: ["b", 0] } },
    };
    expect(checkGraph(graph, dynamic)).toEqual([]);
  });

  it("reads both forms of combos", () => {
    const name = "c.safetensors";
    expect(
      check({ a: { class_type: "Loader", inputs: { name } }, b: { class_type: "NewLoader", inputs: { name } } }),
    ).toEqual([
      'a.name: "c.safetensors" is not on the server; did you mean a.safetensors or b.safetensors?',
      'b.name: "c.safetensors" is not on the server; did you mean a.safetensors?',
    ]);
  });

  it("tells what is wrong by the request's field", () => {
    const inputs = { model: ["n", 1], seed: -1, cfg: 101, mask: ["m", 0] } as const;
    const graph = {
      m: model,
      n: { class_type: "NewLoader", inputs: { name: "a.safetensors" } },
      s: { class_type: "Sampler", inputs },
    };
    expect(check(graph, { "s.cfg": "guidanceScale", "s.seed": "seed" })).toEqual([
      's.model: takes MODEL, but output 1 of "n" is CLIP',
      "seed: -1 is not possible here: must be a whole number from 0 to 18446744073709551615",
      "guidanceScale: 101 is not possible here: must be a number from 0 to 100",
      's.mask: takes MASK, but output 0 of "m" is MODEL',
    ]);
  });

  it("finds missing nodes, inputs and ends of links", () => {
    const graph: Graph = {
      x: { class_type: "Sampeler", inputs: {} },
      s: { class_type: "Sampler", inputs: { model: ["gone", 0], cfg: 1.5 } },
      t: { class_type: "Sampler", inputs: { model: ["m", 4], seed: 1.5, cfg: "high" } },
      m: model,
    };
    expect(check(graph)).toEqual([
      'x: needs the node type "Sampeler", which the server does not have (it has Sampler): install it there',
      's.model: links to node "gone", which is not in the graph',
      "s.seed: is required: a whole number from 0 to 18446744073709551615",
      "t.model: links to output 4 of Loader, which has 1",
      "t.seed: 1.5 is not possible here: must be a whole number from 0 to 18446744073709551615",
      "t.cfg: must be a number from 0 to 100",
    ]);
  });

  const ends = ObjectInfo.parse({
    Loader: { input: { required: { name: [["a"]] } }, output: ["MODEL"] },
    Mix: { input: { required: { a: ["MODEL"] }, optional: { b: ["MODEL"] } }, output: ["MODEL"] },
    Save: { input: { required: { model: ["MODEL"] } }, output: [], output_node: true },
  });
  const load = { class_type: "Loader", inputs: { name: "a" } };

  it("explains a graph without an end, and one that goes in a circle", () => {
    const told = (graph: Graph) => checkGraph(graph, ends).map(({ field, message }) => `${field}: ${message}`);
    expect(told({ l: load })).toEqual([
      expect.stringContaining("workflow: has no node that saves, shows or sends anything"),
    ]);
    const circle: Graph = {
      l: load,
      x: { class_type: "Mix", inputs: { a: ["l", 0], b: ["z", 0] } },
      y: { class_type: "Mix", inputs: { a: ["x", 0] } },
      z: { class_type: "Mix", inputs: { a: ["y", 0] } },
      s: { class_type: "Save", inputs: { model: ["z", 0] } },
    };
    expect(told(circle)).toEqual([
      expect.stringMatching(/its links go in a circle \((x → y → z → x|y → z → x → y|z → x → y → z)\)/),
    ]);
  });

  it("says nothing of nodes that lead to no end: the server does not look at them", () => {
    const graph: Graph = {
      l: load,
      s: { class_type: "Save", inputs: { model: ["l", 0] } },
      x: { class_type: "Mix", inputs: {} },
    };
    expect(checkGraph(graph, ends)).toEqual([]);
  });
});
