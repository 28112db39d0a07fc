import { describe, expect, it } from "vitest";
import { ObjectInfo } from "../../server/object-info.ts";
import { uiToApi } from "../ui-to-api.ts";
import type { UiLink, UiNode, UiSubgraph } from "../ui-workflow.ts";

// Files with these rules were opened in the real editor of ComfyUI 0.33 (1.49.6) with Use Everywhere 7.8, which sent such
// graphs: 13 files. Of `priority`, and of patterns among an older node's values, it could not be had (the page timed out; the
// pack's script failed): these, two givers of equal rank, limits, and `output_not_broadcasting` are after the pack's source alone.
const info = ObjectInfo.parse({
  Loader: { input: { required: { name: [["m", "n"]] } }, output: ["MODEL", "VAE"] },
  Patch: { input: { required: { model: ["MODEL"] } }, output: ["MODEL"] },
  Sampler: { input: { required: { model: ["MODEL"], steps: ["INT", { default: 20 }] } }, output: ["LATENT"] },
  Encode: { input: { required: { text: ["STRING", { dynamicPrompts: true }] } }, output: ["CONDITIONING"] },
  Guide: { input: { required: { positive: ["CONDITIONING"], negative: ["CONDITIONING"] } }, output: ["LATENT"] },
  Save: { input: { required: { samples: ["LATENT"] }, optional: { vae: ["VAE"] } }, output: [], output_node: true },
  Number: { input: { required: { value: ["INT", {}] } }, output: ["INT"] },
});
const loader: UiNode = {
  id: 1,
  type: "Loader",
  outputs: [
    { name: "MODEL", type: "MODEL" },
    { name: "VAE", type: "VAE" },
  ],
  widgets_values: ["n"],
};
const sampler = (link: number | null): UiNode => ({
  id: 2,
  type: "Sampler",
  inputs: [
    { name: "model", type: "MODEL", link },
    { name: "steps", type: "INT", link: null, widget: { name: "steps" } },
  ],
  widgets_values: [4],
});
const one = (name: string, type: string, link: number | null) => [{ name, type, link }];
const convert = (nodes: UiNode[], links: UiLink[], more = {}) => uiToApi({ nodes, links, ...more }, info);
const rules = (own: Record<string, unknown> = {}, more: Record<string, unknown> = {}) => ({
  properties: {
    ue_properties: { version: "7.8", widget_ue_connectable: {}, input_ue_unconnectable: {}, ...own },
    ...more,
  },
});

describe("Anything Everywhere", () => {
  const give = (id: number, type: string, link: number, more: Partial<UiNode> = {}): UiNode => ({
    id,
    type: "Anything Everywhere",
    inputs: one("anything", type, link),
    ...more,
  });
  const save: UiNode = { id: 3, type: "Save", inputs: one("samples", "LATENT", 20) };
  const base: UiLink[] = [[20, 2, 0, 3, 0, "LATENT"]];

  it("links what is unlinked and of its type, also inputs that need not be", () => {
    const links: UiLink[] = [...base, [10, 1, 0, 5, 0, "MODEL"], [11, 1, 1, 6, 0, "VAE"]];
    const graph = convert([loader, sampler(null), save, give(5, "MODEL", 10), give(6, "VAE", 11)], links);
    expect(Object.keys(graph)).toEqual(["1", "2", "3"]);
    expect(graph["2"]!.inputs).toEqual({ model: ["1", 0], steps: 4 });
    expect(graph["3"]!.inputs).toEqual({ samples: ["2", 0], vae: ["1", 1] });
  });

  it("leaves what is linked alone, and gives nothing when it is muted", () => {
    const links: UiLink[] = [...base, [10, 1, 0, 5, 0, "MODEL"]];
    const graph = convert([loader, sampler(null), save, give(5, "MODEL", 10, { mode: 2 })], links);
    expect(graph["2"]!.inputs).toEqual({ steps: 4 });
  });

  it("says where it is not plain which of several, or whether by its limits, it is", () => {
    const links: UiLink[] = [...base, [10, 1, 0, 5, 0, "MODEL"], [11, 1, 0, 6, 0, "MODEL"]];
    const refuse = (nodes: UiNode[], message: string) =>
      expect(() => convert([loader, sampler(null), save, ...nodes], links)).toThrow(
        expect.objectContaining({ code: "config", message: expect.stringContaining(message) }),
      );
    refuse([give(5, "MODEL", 10), give(6, "MODEL", 11)], "and so does node 6 (Anything Everywhere)");
    const limited = { properties: { ue_properties: { group_restricted: 1, color_restricted: 0 } } };
    refuse([give(5, "MODEL", 10, limited)], "only where its limits (group_restricted) allow");
  });

  it("tells positive prompts from negative ones", () => {
    const encode = (id: number): UiNode => ({ id, type: "Encode", widgets_values: [`{p}${id}`] });
    const prompts: UiNode = {
      id: 7,
      type: "Prompts Everywhere",
      inputs: [
        { name: "+ve", type: "*", link: 10 },
        { name: "-ve", type: "*", link: 11 },
      ],
    };
    const graph = convert(
      [encode(5), encode(6), { id: 8, type: "Guide" }, prompts],
      [
        [10, 5, 0, 7, 0, "CONDITIONING"],
        [11, 6, 0, 7, 1, "CONDITIONING"],
      ],
    );
    expect(graph["8"]!.inputs).toEqual({ positive: ["5", 0], negative: ["6", 0] });
    expect(graph["5"]!.inputs).toEqual({ text: "p5" });
  });

  it("gives nothing to inputs that refuse it, nor to nodes that do", () => {
    const links: UiLink[] = [...base, [11, 1, 1, 6, 0, "VAE"]];
    const to = (more: Partial<UiNode>) =>
      convert([loader, sampler(null), { ...save, ...more }, give(6, "VAE", 11)], links)["3"]!.inputs;
    expect(to(rules())).toEqual({ samples: ["2", 0], vae: ["1", 1] });
    expect(to(rules({ input_ue_unconnectable: { vae: true } }))).toEqual({ samples: ["2", 0] });
    expect(to(rules({}, { rejects_ue_links: true }))).toEqual({ samples: ["2", 0] });
  });

  it("links fields that take it, and leaves others with their own values", () => {
    const number: UiNode = {
      id: 7,
      type: "Number",
      outputs: [{ name: "INT", type: "INT" }],
      widgets_values: [42],
      ...rules({}, { ue_convert: true }),
    };
    const steps = (own: Record<string, unknown>) =>
      convert([loader, { ...sampler(10), ...rules(own) }, number], [[10, 1, 0, 2, 0, "MODEL"]])["2"]!.inputs["steps"];
    expect(steps({ widget_ue_connectable: { steps: true } })).toEqual(["7", 0]);
    expect(steps({})).toBe(4);
  });

  it("goes out from nodes that were told to give their outputs, but for those that are kept back", () => {
    const giver = (own = {}) => ({ ...loader, ...rules(own, { ue_convert: true }) });
    const links: UiLink[] = [...base];
    const given = (own = {}) => convert([giver(own), sampler(null), save], links);
    expect(given()["2"]!.inputs["model"]).toEqual(["1", 0]);
    expect(given()["3"]!.inputs["vae"]).toEqual(["1", 1]);
    expect(given({ output_not_broadcasting: { VAE: true } })["3"]!.inputs["vae"]).toBeUndefined();
  });

  it("goes by priority and by patterns, and to none of two optional inputs' equals", () => {
    const links: UiLink[] = [
      ...base,
      [10, 1, 0, 5, 0, "MODEL"],
      [11, 8, 0, 6, 0, "MODEL"],
      [12, 1, 1, 7, 0, "VAE"],
      [13, 9, 1, 10, 0, "VAE"],
    ];
    const others = [
      { ...loader, id: 8 },
      { ...loader, id: 9 },
    ];
    const model = (a: Record<string, unknown>, b: Record<string, unknown>) =>
      convert(
        [loader, ...others, sampler(null), save, give(5, "MODEL", 10, rules(a)), give(6, "MODEL", 11, rules(b))],
        links,
      )["2"]!.inputs["model"];
    expect(model({ priority: 5 }, { priority: 50 })).toEqual(["8", 0]);
    expect(model({ title_regex: "Nope" }, {})).toEqual(["8", 0]);
    expect(model({ input_regex: "mod" }, {}), "the narrower one").toEqual(["1", 0]);
    const both = [give(5, "MODEL", 10), give(7, "VAE", 12), give(10, "VAE", 13)];
    expect(convert([loader, ...others, sampler(null), save, ...both], links)["3"]!.inputs["vae"]).toBeUndefined();
  });

  it("reaches past bypassed nodes, and into inputs that hang on nothing but them", () => {
    const patch = (link: number | null): UiNode => ({
      id: 4,
      type: "Patch",
      mode: 4,
      inputs: one("model", "MODEL", link),
      outputs: [{ name: "MODEL", type: "MODEL" }],
    });
    const from = convert(
      [loader, patch(9), sampler(null), give(5, "MODEL", 10)],
      [
        [9, 1, 0, 4, 0, "MODEL"],
        [10, 4, 0, 5, 0, "MODEL"],
      ],
    );
    expect(from["2"]!.inputs["model"]).toEqual(["1", 0]);
    const into = convert(
      [loader, patch(null), sampler(9), give(5, "MODEL", 10)],
      [
        [9, 4, 0, 2, 0, "MODEL"],
        [10, 1, 0, 5, 0, "MODEL"],
      ],
    );
    expect(into["2"]!.inputs["model"]).toEqual(["1", 0]);
  });

  describe("and subgraphs", () => {
    const inside: UiSubgraph = {
      id: "inside",
      nodes: [
        { ...sampler(1), id: 21 },
        { id: 22, type: "Save", inputs: [{ name: "samples", type: "LATENT", link: 2 }] },
      ],
      links: [
        [1, -10, 0, 21, 0, "MODEL"],
        [2, 21, 0, 22, 0, "LATENT"],
      ],
      inputs: [{ name: "model", type: "MODEL" }],
      outputs: [],
    };
    const host: UiNode = { id: 20, type: "inside", inputs: one("model", "MODEL", null) };
    const links: UiLink[] = [
      [10, 1, 0, 5, 0, "MODEL"],
      [11, 1, 1, 6, 0, "VAE"],
    ];

    it("feeds their nodes' inputs, and nothing inside", () => {
      const graph = convert([loader, host, give(5, "MODEL", 10), give(6, "VAE", 11)], links, {
        definitions: { subgraphs: [inside] },
      });
      expect(graph["20:21"]!.inputs["model"]).toEqual(["1", 0]);
      expect(graph["20:22"]!.inputs).toEqual({ samples: ["20:21", 0] });
    });

    it("gives within one what comes in at its border", () => {
      const own: UiSubgraph = {
        ...inside,
        nodes: [...inside.nodes, give(23, "VAE", 3)],
        links: [...inside.links, [3, -10, 1, 23, 0, "VAE"]],
        inputs: [...inside.inputs!, { name: "vae", type: "VAE" }],
      };
      const fed: UiNode = {
        ...host,
        inputs: [
          { name: "model", type: "MODEL", link: 12 },
          { name: "vae", type: "VAE", link: 13 },
        ],
      };
      const outer: UiLink[] = [
        [12, 1, 0, 20, 0, "MODEL"],
        [13, 1, 1, 20, 1, "VAE"],
      ];
      const graph = convert([loader, fed], outer, { definitions: { subgraphs: [own] } });
      expect(graph["20:22"]!.inputs).toEqual({ samples: ["20:21", 0], vae: ["1", 1] });
    });
  });
});
