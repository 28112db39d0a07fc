import { describe, expect, it } from "vitest";
import { ObjectInfo } from "../../server/object-info.ts";
import { uiToApi } from "../ui-to-api.ts";
import type { UiLink, UiNode } from "../ui-workflow.ts";

const info = ObjectInfo.parse({
  Loader: { input: { required: { name: [["m", "n"]] } }, output: ["MODEL", "VAE"] },
  Sampler: { input: { required: { model: ["MODEL"], steps: ["INT", { default: 20 }] } }, output: ["LATENT"] },
  Encode: { input: { required: { text: ["STRING", { dynamicPrompts: true }] } }, output: ["CONDITIONING"] },
  Guide: { input: { required: { positive: ["CONDITIONING"], negative: ["CONDITIONING"] } }, output: ["LATENT"] },
  Save: { input: { required: { samples: ["LATENT"] }, optional: { vae: ["VAE"] } }, output: [], output_node: true },
  "Power Lora Loader (rgthree)": { input: { required: {}, optional: { model: ["MODEL"] } }, output: ["MODEL"] },
});
const loader: UiNode = { id: 1, type: "Loader", widgets_values: ["n"] };
const sampler = (link: number | null): UiNode => ({
  id: 2,
  type: "Sampler",
  inputs: [{ name: "model", type: "MODEL", link }],
  widgets_values: [4],
});
const one = (name: string, type: string, link: number | null) => [{ name, type, link }];
const convert = (nodes: UiNode[], links: UiLink[], more = {}) => uiToApi({ nodes, links, ...more }, info);

describe("nodes of the editor alone", () => {
  const set = (name: string): UiNode => ({
    id: 5,
    type: "SetNode",
    inputs: one("MODEL", "MODEL", 10),
    widgets_values: [name],
  });
  const get = (name: string): UiNode => ({
    id: 6,
    type: "GetNode",
    outputs: [{ name: "MODEL", type: "MODEL" }],
    widgets_values: [name],
  });
  const links: UiLink[] = [
    [10, 1, 0, 5, 0, "MODEL"],
    [11, 6, 0, 2, 0, "MODEL"],
  ];

  it("GetNode gives what its SetNode was given", () => {
    const graph = convert([loader, sampler(11), set("big"), get("big")], links);
    expect(Object.keys(graph)).toEqual(["1", "2"]);
    expect(graph["2"]!.inputs["model"]).toEqual(["1", 0]);
  });

  it("says which GetNode finds no SetNode", () => {
    expect(() => convert([loader, sampler(11), set("big"), get("small")], links)).toThrow(
      expect.objectContaining({
        code: "config",
        message: expect.stringContaining('node 6 gets "small", which no SetNode sets'),
      }),
    );
  });

  it("tells a file's own words without what a terminal obeys", () => {
    const odd = "\u001b]0;owned\u0007small\u001b[31m";
    expect(() => convert([loader, sampler(11), set("big"), get(odd)], links)).toThrow(
      expect.objectContaining({ message: expect.stringContaining('node 6 gets "small", which') }),
    );
  });

  it("rgthree's reroutes hand on, its labels and switches are left out", () => {
    const nodes: UiNode[] = [
      loader,
      sampler(11),
      { id: 6, type: "Reroute (rgthree)", inputs: one("", "*", 10), outputs: [{ name: "", type: "*" }] },
      { id: 7, type: "Bookmark (rgthree)", widgets_values: ["1", 1] },
      { id: 8, type: "Fast Muter (rgthree)", inputs: one("a", "*", 12), outputs: [] },
    ];
    const graph = convert(nodes, [[10, 1, 0, 6, 0, "MODEL"], links[1]!, [12, 2, 0, 8, 0, "LATENT"]]);
    expect(Object.keys(graph)).toEqual(["1", "2"]);
    expect(graph["2"]!.inputs["model"]).toEqual(["1", 0]);
  });

  it("rgthree's list of LoRAs becomes its inputs", () => {
    const lora = { on: true, lora: "a.safetensors", strength: 0.5 };
    const node: UiNode = {
      id: 5,
      type: "Power Lora Loader (rgthree)",
      widgets_values: [{}, { type: "Header" }, lora, {}, ""],
    };
    expect(convert([node], [])["5"]!.inputs).toEqual({ lora_1: lora });
  });
});
