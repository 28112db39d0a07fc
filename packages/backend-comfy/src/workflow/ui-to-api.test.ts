import { FakeComfy } from "@latentkit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { comfy } from "../comfy-backend.ts";
import type { ObjectInfo } from "../server/object-info.ts";
import { defineWorkflow } from "./define-workflow.ts";
import { uiToApi } from "./ui-to-api.ts";
import type { UiNode, UiWorkflow } from "./ui-workflow.ts";

let fake: FakeComfy;
let info: ObjectInfo;
let backend: ReturnType<typeof comfy>;

beforeAll(async () => {
  fake = await FakeComfy.start();
  backend = comfy({ url: fake.url });
  info = await backend.server.objectInfo();
});
afterAll(async () => {
  await backend.dispose();
  await fake.stop();
});

const loader: UiNode = {
  id: 4,
  type: "CheckpointLoaderSimple",
  outputs: [
    { name: "MODEL", type: "MODEL" },
    { name: "CLIP", type: "CLIP" },
    { name: "VAE", type: "VAE" },
  ],
  widgets_values: ["tiny.safetensors"],
};
const sampler: UiNode = {
  id: 3,
  type: "KSampler",
  title: "The sampler",
  inputs: [
    { name: "model", type: "MODEL", link: 1 },
    { name: "positive", type: "CONDITIONING", link: 2 },
    { name: "negative", type: "CONDITIONING", link: 3 },
    { name: "latent_image", type: "LATENT", link: 4 },
    { name: "steps", type: "INT", link: null, widget: { name: "steps" } },
  ],
  outputs: [{ name: "LATENT", type: "LATENT" }],
  widgets_values: [123, "randomize", 4, 7.5, "euler", "normal", 1],
};
const text = (id: number, link: number, words: string): UiNode => ({
  id,
  type: "CLIPTextEncode",
  inputs: [{ name: "clip", type: "CLIP", link }],
  outputs: [{ name: "CONDITIONING", type: "CONDITIONING" }],
  widgets_values: [words],
});
const latent: UiNode = {
  id: 5,
  type: "EmptyLatentImage",
  outputs: [{ name: "LATENT", type: "LATENT" }],
  widgets_values: [64, 64, 1],
};
const decode: UiNode = {
  id: 8,
  type: "VAEDecode",
  inputs: [
    { name: "samples", type: "LATENT", link: 7 },
    { name: "vae", type: "VAE", link: 8 },
  ],
  outputs: [{ name: "IMAGE", type: "IMAGE" }],
};
const save: UiNode = {
  id: 9,
  type: "SaveImage",
  inputs: [{ name: "images", type: "IMAGE", link: 9 }],
  widgets_values: ["mine"],
};

const workflow: UiWorkflow = {
  nodes: [
    sampler,
    loader,
    latent,
    text(6, 5, "a fox"),
    text(7, 6, "blur"),
    decode,
    save,
    { id: 20, type: "Note", widgets_values: ["hello"] },
  ],
  links: [
    [1, 4, 0, 3, 0, "MODEL"],
    [2, 6, 0, 3, 1, "CONDITIONING"],
    [3, 7, 0, 3, 2, "CONDITIONING"],
    [4, 5, 0, 3, 3, "LATENT"],
    [5, 4, 1, 6, 0, "CLIP"],
    [6, 4, 1, 7, 0, "CLIP"],
    [7, 3, 0, 8, 0, "LATENT"],
    [8, 4, 2, 8, 1, "VAE"],
    [9, 8, 0, 9, 0, "IMAGE"],
  ],
};

describe("uiToApi", () => {
  it("gives widgets their names, skips what a seed does after a run, and leaves notes out", () => {
    const graph = uiToApi(workflow, info);
    expect(Object.keys(graph).sort()).toEqual(["3", "4", "5", "6", "7", "8", "9"]);
    expect(graph["3"]).toEqual({
      class_type: "KSampler",
      inputs: {
        seed: 123,
        steps: 4,
        cfg: 7.5,
        sampler_name: "euler",
        scheduler: "normal",
        denoise: 1,
        model: ["4", 0],
        positive: ["6", 0],
        negative: ["7", 0],
        latent_image: ["5", 0],
      },
      _meta: { title: "The sampler" },
    });
  });

  it("runs", async () => {
    const own = defineWorkflow({
      workflow,
      parameters: { steps: { node: "The sampler", input: "steps", type: "integer" } },
      outputs: { picture: { node: "9" } },
    });
    const { outputs } = await backend.run(own, { steps: 2 });
    expect(outputs.picture).toHaveLength(1);
  });

  it("follows reroutes and bypassed nodes, and puts primitives in", () => {
    const lora: UiNode = {
      id: 10,
      type: "LoraLoader",
      mode: 4,
      inputs: [
        { name: "model", type: "MODEL", link: 10 },
        { name: "clip", type: "CLIP", link: 11 },
      ],
      outputs: [
        { name: "MODEL", type: "MODEL" },
        { name: "CLIP", type: "CLIP" },
      ],
      widgets_values: ["detail.safetensors", 1, 1],
    };
    const reroute: UiNode = {
      id: 11,
      type: "Reroute",
      inputs: [{ name: "", type: "*", link: 12 }],
      outputs: [{ name: "", type: "MODEL" }],
    };
    const primitive: UiNode = {
      id: 12,
      type: "PrimitiveNode",
      outputs: [{ name: "INT", type: "INT" }],
      widgets_values: [33, "fixed"],
    };
    const steps = sampler.inputs!.map((input) => (input.name === "steps" ? { ...input, link: 14 } : input));
    const links: UiWorkflow["links"] = [
      ...workflow.links.filter((link) => ![1, 5].includes((link as number[])[0]!)),
      [10, 4, 0, 10, 0, "MODEL"],
      [11, 4, 1, 10, 1, "CLIP"],
      [12, 10, 0, 11, 0, "MODEL"],
      [1, 11, 0, 3, 0, "MODEL"],
      [5, 10, 1, 6, 0, "CLIP"],
      [14, 12, 0, 3, 4, "INT"],
    ];
    const nodes = [
      ...workflow.nodes.filter(({ id }) => id !== 3),
      { ...sampler, inputs: steps },
      lora,
      reroute,
      primitive,
    ];
    const graph = uiToApi({ nodes, links }, info);
    expect(graph["10"]).toBeUndefined();
    expect(graph["3"]!.inputs).toMatchObject({ model: ["4", 0], steps: 33, cfg: 7.5 });
    expect(graph["6"]!.inputs["clip"]).toEqual(["4", 1]);
  });

  it.each([
    ["at its own place", ["*", "MODEL"], "MODEL", "40"],
    ["of exactly the wanted type, before one of any", ["INT", "*", "MODEL"], "MODEL", "42"],
    ["of exactly the wanted type, where the output has any", ["INT", "MODEL"], "*", "41"],
    ["of one type of several", ["INT", "CLIP,model"], "MODEL", "41"],
    ["of any type", ["INT", "*"], "MODEL", "41"],
  ])("hands on through a bypassed node what comes into the input %s", (_, types, output, source) => {
    const patch: UiNode = {
      id: 20,
      type: "SomePatch",
      mode: 4,
      inputs: types.map((type, i) => ({ name: `in${i}`, type, link: 20 + i })),
      outputs: [{ name: "out", type: output }],
    };
    const links: UiWorkflow["links"] = [
      ...workflow.links.filter((link) => (link as number[])[0] !== 1),
      ...types.map((type, i): UiWorkflow["links"][number] => [20 + i, 40 + i, 0, 20, i, type]),
      [1, 20, 0, 3, 0, output],
    ];
    const loaders = types.map((__, i) => ({ ...loader, id: 40 + i }));
    const graph = uiToApi({ nodes: [...workflow.nodes, patch, ...loaders], links }, info);
    expect(graph["3"]!.inputs["model"]).toEqual([source, 0]);
  });

  it("hands nothing on where no input fits", () => {
    const inputs = [{ name: "text", type: "STRING", link: 20 }];
    const patch: UiNode = { id: 20, type: "SomePatch", mode: 4, inputs, outputs: [{ name: "out", type: "MODEL" }] };
    const links: UiWorkflow["links"] = [
      ...workflow.links.filter((link) => (link as number[])[0] !== 1),
      [20, 4, 0, 20, 0, "STRING"],
      [1, 20, 0, 3, 0, "MODEL"],
    ];
    expect(uiToApi({ nodes: [...workflow.nodes, patch], links }, info)["3"]!.inputs["model"]).toBeUndefined();
  });

  it("leaves muted nodes out, with what hangs on them", () => {
    const nodes = workflow.nodes.map((node) =>
      node.id === 9 ? { ...node, mode: 2 } : node.id === 7 ? { ...node, mode: 2 } : node,
    );
    const graph = uiToApi({ ...workflow, nodes }, info);
    expect(graph["9"]).toBeUndefined();
    expect(graph["3"]!.inputs["negative"]).toBeUndefined();
  });

  it("reads links and widgets with names", () => {
    const links = workflow.links.map((link) => {
      const [id, origin_id, origin_slot, target_id, target_slot] = link as unknown as [
        number,
        number,
        number,
        number,
        number,
      ];
      return { id, origin_id, origin_slot, target_id, target_slot };
    });
    const nodes = workflow.nodes.map((node) =>
      node.id === 9 ? { ...node, widgets_values: { filename_prefix: "mine", extra: 1 } } : node,
    );
    expect(uiToApi({ nodes, links }, info)).toEqual(uiToApi(workflow, info));
  });

  it("unfolds subgraphs, also one within another", () => {
    const sub = (id: string, nodes: UiNode[], out: [number, number]) => ({
      id,
      nodes,
      links: [
        { id: 1, origin_id: -10, origin_slot: 0, target_id: nodes[0]!.id, target_slot: 0 },
        { id: 2, origin_id: out[0], origin_slot: out[1], target_id: -20, target_slot: 0 },
      ],
      inputs: [{ name: "clip" }],
      outputs: [{ name: "CONDITIONING" }],
    });
    const inner = sub("inner-uuid", [text(1, 1, "a fox")], [1, 0]);
    const outer = sub(
      "outer-uuid",
      [{ id: 5, type: "inner-uuid", inputs: [{ name: "clip", type: "CLIP", link: 1 }] }],
      [5, 0],
    );
    const stand: UiNode = { id: 6, type: "outer-uuid", inputs: [{ name: "clip", type: "CLIP", link: 5 }] };
    const nodes = workflow.nodes.map((node) => (node.id === 6 ? stand : node));
    const graph = uiToApi({ ...workflow, nodes, definitions: { subgraphs: [outer, inner] } }, info);
    expect(graph["6:5:1"]).toMatchObject({ class_type: "CLIPTextEncode", inputs: { text: "a fox", clip: ["4", 1] } });
    expect(graph["3"]!.inputs["positive"]).toEqual(["6:5:1", 0]);
  });

  it("hands through a bypassed subgraph, and leaves a muted one out", () => {
    const clip: UiNode = {
      id: 10,
      type: "skip-uuid",
      inputs: [{ name: "clip", type: "CLIP", link: 5 }],
      outputs: [{ name: "CLIP", type: "CLIP" }],
    };
    const skip: UiNode = {
      id: 1,
      type: "CLIPSetLastLayer",
      inputs: [{ name: "clip", type: "CLIP", link: 1 }],
      outputs: [{ name: "CLIP", type: "CLIP" }],
      widgets_values: [-2],
    };
    const links = [
      { id: 1, origin_id: -10, origin_slot: 0, target_id: 1, target_slot: 0 },
      { id: 2, origin_id: 1, origin_slot: 0, target_id: -20, target_slot: 0 },
    ];
    const ends = { inputs: [{ name: "clip" }], outputs: [{ name: "CLIP" }] };
    const graphWith = (mode: number) => {
      const nodes = [...workflow.nodes.filter(({ id }) => id !== 6), text(6, 40, "a fox"), { ...clip, mode }];
      const definitions = { subgraphs: [{ id: "skip-uuid", nodes: [skip], links, ...ends }] };
      const added: UiWorkflow["links"] = [
        [5, 4, 1, 10, 0, "CLIP"],
        [40, 10, 0, 6, 0, "CLIP"],
      ];
      const others = workflow.links.filter((link) => (link as unknown[])[0] !== 5);
      return uiToApi({ nodes, links: [...others, ...added], definitions }, info);
    };
    expect(graphWith(0)["6"]!.inputs["clip"]).toEqual(["10:1", 0]);
    expect(graphWith(4)["6"]!.inputs["clip"]).toEqual(["4", 1]);
    expect(graphWith(2)["6"]!.inputs["clip"]).toBeUndefined();
    expect(Object.keys(graphWith(2)).some((id) => id.startsWith("10"))).toBe(false);
  });

  describe("values typed into a subgraph's outer widgets", () => {
    /** A subgraph with the latent's size and the sampler's seed and steps shown outside, as `stand` says. */
    const build = (stand: Omit<UiNode, "id" | "type">, inner: Partial<UiNode> = {}) => {
      const drawer: UiNode = {
        ...latent,
        id: 1,
        inputs: [
          { name: "width", type: "INT", link: 1, widget: { name: "width" } },
          { name: "height", type: "INT", link: 2, widget: { name: "height" } },
          { name: "batch_size", type: "INT", link: null, widget: { name: "batch_size" } },
        ],
        ...inner,
      };
      const subgraph = {
        id: "latent-uuid",
        nodes: [drawer],
        links: [
          { id: 1, origin_id: -10, origin_slot: 0, target_id: 1, target_slot: 0 },
          { id: 2, origin_id: -10, origin_slot: 1, target_id: 1, target_slot: 1 },
          { id: 3, origin_id: 1, origin_slot: 0, target_id: -20, target_slot: 0 },
        ],
        inputs: [{ name: "width" }, { name: "tall" }],
        outputs: [{ name: "LATENT" }],
      };
      const nodes = workflow.nodes.map((node) => (node.id === 5 ? { id: 5, type: "latent-uuid", ...stand } : node));
      return { ...workflow, nodes, definitions: { subgraphs: [subgraph] } };
    };
    const slots = [
      { name: "width", type: "INT", link: null, widget: { name: "width" } },
      { name: "tall", type: "INT", link: null, widget: { name: "tall" } },
    ];
    const sizeOf = (saved: UiWorkflow) => uiToApi(saved, info)["5:1"]!.inputs;

    it("are read in the order of its inputs that are widgets", () => {
      expect(sizeOf(build({ inputs: slots, widgets_values: [128, 256] }))).toEqual({
        width: 128,
        height: 256,
        batch_size: 1,
      });
      expect(sizeOf(build({ inputs: slots, widgets_values: [null, 256] }))).toMatchObject({
        width: 64,
        height: 256,
      });
    });

    it("are known for widgets by what they lead to, where the outer inputs do not say it", () => {
      const bare = slots.map(({ name, type, link }) => ({ name, type, link }));
      expect(sizeOf(build({ inputs: bare, widgets_values: [128, 256] }))).toMatchObject({ width: 128, height: 256 });
    });

    it("are read by name, where the file has the names", () => {
      const named = { widgets_values: [1, 2], widgets_values_named: { tall: 256, width: 128 } };
      expect(sizeOf(build({ inputs: slots, ...named }))).toMatchObject({ width: 128, height: 256 });
    });

    it("are read by proxyWidgets, of inputs and of inner nodes, which become inputs", () => {
      const proxyWidgets = [
        ["-1", "tall"],
        ["1", "batch_size"],
        ["-1", "width"],
      ];
      const stand = { inputs: slots, widgets_values: [256, 3] };
      expect(sizeOf(build({ ...stand, properties: { proxyWidgets } }))).toMatchObject({ height: 256, batch_size: 3 });
      const text = JSON.stringify(proxyWidgets);
      expect(sizeOf(build({ ...stand, properties: { proxyWidgets: text } }))).toMatchObject({ batch_size: 3 });
      expect(sizeOf(build({ ...stand, widgets_values: [], properties: { proxyWidgets } }))).toMatchObject({
        height: 64,
      });
    });

    it("are read by name where the outer node leaves out inputs that nothing is linked to", () => {
      const [, tall] = slots;
      const stand = { inputs: [tall!], widgets_values: [128, 256] };
      expect(sizeOf(build(stand))).toMatchObject({ width: 128, height: 256 });
    });

    it("go before by what an editor kept aside for an input", () => {
      const kept = [{ originalEntry: ["-1", "tall"], reason: "missingSubgraphInput", hostValue: 320 }];
      const stand = { inputs: slots, widgets_values: [128, 256], properties: { proxyWidgetErrorQuarantine: kept } };
      expect(sizeOf(build(stand))).toMatchObject({ width: 128, height: 320 });
    });

    it("give way to a link from outside", () => {
      const primitive: UiNode = { id: 12, type: "PrimitiveNode", widgets_values: [512, "fixed"] };
      const linked = slots.map((slot) => (slot.name === "width" ? { ...slot, link: 30 } : slot));
      const saved = build({ inputs: linked, widgets_values: [128, 256] });
      const nodes = [...saved.nodes, primitive];
      const links: UiWorkflow["links"] = [...saved.links, [30, 12, 0, 5, 0, "INT"]];
      expect(sizeOf({ ...saved, nodes, links })).toMatchObject({ width: 512, height: 256 });
    });

    it("reach through a subgraph within a subgraph", () => {
      const saved = build({});
      const around = {
        id: "around-uuid",
        nodes: [
          {
            id: 7,
            type: "latent-uuid",
            inputs: slots.map((slot, i) => ({ ...slot, link: i + 1 })),
            widgets_values: [96, 96],
          },
        ],
        links: [
          { id: 1, origin_id: -10, origin_slot: 0, target_id: 7, target_slot: 0 },
          { id: 2, origin_id: -10, origin_slot: 1, target_id: 7, target_slot: 1 },
          { id: 3, origin_id: 7, origin_slot: 0, target_id: -20, target_slot: 0 },
        ],
        inputs: [{ name: "width" }, { name: "height" }],
        outputs: [{ name: "LATENT" }],
      };
      const inputs = around.inputs.map(({ name }) => ({ name, type: "INT", link: null, widget: { name } }));
      const stand: UiNode = { id: 5, type: "around-uuid", inputs, widgets_values: [128] };
      const nodes = saved.nodes.map((node) => (node.id === 5 ? stand : node));
      const definitions = { subgraphs: [around, ...saved.definitions.subgraphs] };
      const graph = uiToApi({ ...saved, nodes, definitions }, info);
      expect(graph["5:7:1"]!.inputs).toMatchObject({ width: 128, height: 96 });
    });
  });

  it("names every linked node that the server does not have; an unlinked one is a label, and left out", () => {
    const fancy = (id: number, link?: number): UiNode => ({
      id,
      type: "FancyNode",
      inputs: link === undefined ? [] : [{ name: "images", type: "IMAGE", link }],
    });
    const nodes = [...workflow.nodes, fancy(98, 9), fancy(99, 9)];
    expect(() => uiToApi({ ...workflow, nodes }, info)).toThrow(
      expect.objectContaining({ code: "config", message: expect.stringContaining("98 (FancyNode), 99 (FancyNode)") }),
    );
    const graph = uiToApi({ ...workflow, nodes: [...workflow.nodes, fancy(99)] }, info);
    expect(graph).toEqual(uiToApi(workflow, info));
    const muted = [...workflow.nodes, { ...fancy(98, 9), mode: 2 }];
    expect(uiToApi({ ...workflow, nodes: muted }, info)).toEqual(graph);
  });

  it("gives defaults where the file has no value", () => {
    const nodes = workflow.nodes.map((node) => (node.id === 5 ? { ...node, widgets_values: [96] } : node));
    expect(uiToApi({ ...workflow, nodes }, info)["5"]!.inputs).toEqual({ width: 96, height: 512, batch_size: 1 });
  });

  it.each([true, false])("reads seeds that an old editor saved with %s for what to do after", (control) => {
    const values = [123, control, 4, 7.5, "euler", "normal", 1];
    const nodes = workflow.nodes.map((node) => (node.id === 3 ? { ...node, widgets_values: values } : node));
    expect(uiToApi({ ...workflow, nodes }, info)).toEqual(uiToApi(workflow, info));
  });

  it("says where links go in a circle", () => {
    const reroute = (id: number, link: number): UiNode => ({
      id,
      type: "Reroute",
      inputs: [{ name: "", type: "*", link }],
      outputs: [{ name: "", type: "*" }],
    });
    const links: UiWorkflow["links"] = [
      ...workflow.links.filter((link) => (link as unknown[])[0] !== 9),
      [9, 30, 0, 9, 0, "IMAGE"],
      [30, 31, 0, 30, 0, "IMAGE"],
      [31, 30, 0, 31, 0, "IMAGE"],
    ];
    expect(() => uiToApi({ nodes: [...workflow.nodes, reroute(30, 30), reroute(31, 31)], links }, info)).toThrow(
      expect.objectContaining({ code: "config", message: expect.stringContaining("go in a circle through node 3") }),
    );
  });

  it.each([
    ["a node without a type", { nodes: [{ id: 1 }] }, "workflow.nodes.0.type"],
    ["a node without an id", { nodes: [{ type: "KSampler" }], links: [] }, "workflow.nodes.0.id"],
    ["a node that is none", { nodes: [null], links: [] }, "workflow.nodes.0"],
    [
      "an input without a name",
      { nodes: [{ id: 1, type: "A", inputs: [{ link: 1 }] }] },
      "workflow.nodes.0.inputs.0.name",
    ],
    ["links that are none", { nodes: [], links: "none" }, "workflow.links"],
    ["a link that is none", { nodes: [], links: [[1, 2]] }, "workflow.links.0"],
    [
      "a subgraph without nodes",
      { nodes: [], links: [], definitions: { subgraphs: [{ id: "a" }] } },
      "workflow.definitions.subgraphs.0.nodes",
    ],
  ])("refuses %s, when it is defined", (_, saved, place) => {
    const matching = expect.objectContaining({ code: "config", message: expect.stringContaining(`${place}: `) });
    expect(() => defineWorkflow({ workflow: saved, parameters: {}, outputs: {} })).toThrow(matching);
    expect(() => uiToApi(saved as never, info)).toThrow(matching);
  });

  it("reads what old editors leave: holes among the links, no lists where nothing is in them", () => {
    const nodes = workflow.nodes.map((node) => ({ inputs: null, outputs: null, ...node }));
    const saved = { ...workflow, nodes, links: [null, ...workflow.links, null], definitions: null };
    expect(uiToApi(saved as never, info)).toEqual(uiToApi(workflow, info));
    expect(uiToApi({ nodes: [{ ...latent, outputs: undefined }] } as never, info)).toHaveProperty("5");
  });
});
