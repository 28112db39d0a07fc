import { FakeComfy } from "@latentkit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { comfy } from "../comfy-backend.ts";
import type { ObjectInfo } from "../server/object-info.ts";
import { defineWorkflow } from "./define-workflow.ts";
import { uiToApi } from "./ui-to-api.ts";
import type { UiNode, UiSubgraph, UiWorkflow } from "./ui-workflow.ts";

let fake: FakeComfy;
let info: ObjectInfo;
let backend: ReturnType<typeof comfy>;
beforeAll(async () => {
  fake = await FakeComfy.start();
  backend = comfy({ url: fake.url, pollMs: 100 });
  info = await backend.server.objectInfo();
});
afterAll(async () => {
  await backend.dispose();
  await fake.stop();
});

const slot = (name: string, type: string, link: number | null = null) => ({ name, type, link });
const field = (name: string, type: string, link: number | null = null) => ({
  ...slot(name, type, link),
  widget: { name },
});

/** A sampler whose seed and steps, and whose positive prompt, are shown on the node that stands for it. */
const sample: UiSubgraph = {
  id: "sample-uuid",
  name: "Sample",
  nodes: [
    {
      id: 1,
      type: "CLIPTextEncode",
      title: "Words",
      inputs: [slot("clip", "CLIP", 1), field("text", "STRING", 8)],
      widgets_values: ["inner"],
    },
    { id: 2, type: "CLIPTextEncode", inputs: [slot("clip", "CLIP", 2)], widgets_values: ["{good|bad} /* not sent */"] },
    { id: 3, type: "EmptyLatentImage", widgets_values: [64, 64, 1] },
    {
      id: 4,
      type: "KSampler",
      inputs: [
        slot("model", "MODEL", 3),
        slot("positive", "CONDITIONING", 4),
        slot("negative", "CONDITIONING", 5),
        slot("latent_image", "LATENT", 6),
        field("seed", "INT", 7),
        field("steps", "INT", 9),
      ],
      outputs: [{ name: "LATENT", type: "LATENT" }],
      widgets_values: [31337, "fixed", 4, 7, "euler", "normal", 1],
    },
  ],
  links: [
    [1, -10, 1, 1, 0, "CLIP"],
    [2, -10, 1, 2, 0, "CLIP"],
    [3, -10, 0, 4, 0, "MODEL"],
    [4, 1, 0, 4, 1, "CONDITIONING"],
    [5, 2, 0, 4, 2, "CONDITIONING"],
    [6, 3, 0, 4, 3, "LATENT"],
    [7, -10, 2, 4, 4, "INT"],
    [8, -10, 3, 1, 1, "STRING"],
    [9, -10, 4, 4, 5, "INT"],
    [10, 4, 0, -20, 0, "LATENT"],
  ],
  inputs: ["model", "clip", "seed", "text", "steps"].map((name) => ({ name })),
  outputs: [{ name: "LATENT" }],
};
const saved: UiWorkflow = {
  nodes: [
    { id: 10, type: "CheckpointLoaderSimple", widgets_values: ["tiny.safetensors"] },
    {
      id: 12,
      type: "sample-uuid",
      title: "Sample",
      inputs: [slot("model", "MODEL", 20), slot("clip", "CLIP", 21)],
      outputs: [{ name: "LATENT", type: "LATENT" }],
      widgets_values: [777, "outer"],
    },
    { id: 13, type: "VAEDecode", inputs: [slot("samples", "LATENT", 22), slot("vae", "VAE", 23)] },
    { id: 9, type: "SaveImage", inputs: [slot("images", "IMAGE", 24)], widgets_values: ["mine"] },
  ],
  links: [
    [20, 10, 0, 12, 0, "MODEL"],
    [21, 10, 1, 12, 1, "CLIP"],
    [22, 12, 0, 13, 0, "LATENT"],
    [23, 10, 2, 13, 1, "VAE"],
    [24, 13, 0, 9, 0, "IMAGE"],
  ],
  definitions: { subgraphs: [sample] },
};
const outputs = { picture: { node: "9" } } as const;
const node = (file: UiWorkflow, id: number): UiNode => file.nodes.find((own) => own.id === id)!;
const pngInfo = (at: number) =>
  (fake.prompts.at(at) as { extra_data: { extra_pnginfo?: { workflow: UiWorkflow } } }).extra_data.extra_pnginfo;

describe("parameters of a subgraph", () => {
  it("run with the outer node's values", () => {
    expect(uiToApi(saved, info)["12:4"]!.inputs).toMatchObject({ seed: 777, steps: 4 });
    expect(uiToApi(saved, info)["12:1"]!.inputs).toMatchObject({ text: "outer" });
  });

  it.each(["Sample", "12"])("go by the node's title or id: %s", async (name) => {
    const workflow = defineWorkflow({
      workflow: saved,
      parameters: {
        seed: { node: name, input: "seed", type: "seed" },
        text: { node: name, input: "text", type: "string" },
        steps: { node: name, input: "steps", type: "integer" },
      },
      outputs,
    });
    const { outputs: made, graph } = await backend.run(workflow, { seed: 2n ** 60n, text: "a hare", steps: 2 });
    expect(made.picture).toHaveLength(1);
    expect(graph["12:4"]!.inputs).toMatchObject({ seed: 2n ** 60n, steps: 2 });
    expect(graph["12:1"]!.inputs["text"]).toBe("a hare");
  });

  it.each(["Sample:KSampler", "12:4", "Sample:4", "12:KSampler", "KSampler"])(
    "and by the way to a node inside: %s",
    (name) => {
      const parameters = { cfg: { node: name, input: "cfg", type: "number" } } as const;
      expect(() => defineWorkflow({ workflow: saved, parameters, outputs }).convert(info)).not.toThrow();
    },
  );

  it.each([
    ["Sample", "cfg", 'the subgraph "Sample" has no input "cfg"; it has model, clip, seed, text, steps'],
    ["Sampler", "seed", 'there is no node "Sampler"; nodes are 9 (SaveImage), 10 (CheckpointLoaderSimple)'],
    ["Words", "txt", 'has no input "txt"; it has'],
  ])("and say what is wrong: %s.%s", (name, input, message) => {
    const workflow = defineWorkflow({
      workflow: saved,
      parameters: { x: { node: name, input, type: "string" } },
      outputs,
    });
    expect(() => workflow.graph(info)).toThrow(expect.objectContaining({ message: expect.stringContaining(message) }));
  });
});

describe("the file that goes into the pictures", () => {
  it("has the values that ran, where the editor shows them, and runs the same again", async () => {
    const workflow = defineWorkflow({
      workflow: saved,
      parameters: {
        seed: { node: "Sample", input: "seed", type: "seed" },
        name: { node: "9", input: "filename_prefix", type: "string" },
        cfg: { node: "12:4", input: "cfg", type: "number" },
      },
      outputs,
    });
    const { graph, promptSeed } = await backend.run(workflow, { seed: 5, name: "other", cfg: 3 });
    const file = pngInfo(-1)!.workflow;
    expect(node(file, 12).widgets_values).toEqual([5, "outer"]);
    expect(node(file, 9).widgets_values).toEqual(["other"]);
    const [, negative, , sampler] = file.definitions!.subgraphs![0]!.nodes;
    expect(sampler!.widgets_values).toEqual([31337, "fixed", 4, 3, "euler", "normal", 1]);
    expect(negative!.widgets_values, "what was drawn").toEqual([graph["12:2"]!.inputs["text"]]);
    expect(["good ", "bad "]).toContain(graph["12:2"]!.inputs["text"]);
    expect(uiToApi(file, info)).toEqual(graph);
    expect(uiToApi(saved, info, { promptSeed: promptSeed! })["12:2"]).toEqual(graph["12:2"]);
    expect(node(saved, 12).widgets_values, "the caller's own is left alone").toEqual([777, "outer"]);
  });

  it("has a value that took a link's place without the link, at a node and at a subgraph's border", async () => {
    const number = (id: number, value: number): UiNode => ({
      id,
      type: "PrimitiveNode",
      outputs: [{ name: "INT", type: "INT", links: [40] }],
      widgets_values: [value, "fixed"],
    });
    const linked: UiWorkflow = {
      ...saved,
      nodes: [
        ...saved.nodes.filter(({ id }) => id !== 12),
        { ...node(saved, 12), inputs: [...node(saved, 12).inputs!, field("seed", "INT", 40)] },
        { id: 31, type: "EmptyLatentImage", inputs: [field("width", "INT", 41)], widgets_values: [64, 64, 1] },
        number(32, 96),
        { id: 30, type: "Reroute", inputs: [slot("", "*", 43)], outputs: [{ name: "", type: "INT", links: [40] }] },
        number(34, 11),
      ],
      links: [...saved.links, [40, 30, 0, 12, 2, "INT"], [41, 32, 0, 31, 0, "INT"], [43, 34, 0, 30, 0, "INT"]],
    };
    const workflow = defineWorkflow({
      workflow: linked,
      parameters: {
        seed: { node: "Sample", input: "seed", type: "seed" },
        width: { node: "31", input: "width", type: "integer" },
      },
      outputs: {},
    });
    const converted = workflow.convert(info);
    const graph = structuredClone(converted.graph);
    graph["12:4"]!.inputs["seed"] = 5;
    graph["31"]!.inputs["width"] = 128;
    const { workflow: file } = converted.pngInfo(graph) as { workflow: UiWorkflow };
    expect(uiToApi(file, info, { promptSeed: 1 })["12:4"]!.inputs["seed"]).toBe(5);
    expect(uiToApi(file, info, { promptSeed: 1 })["31"]!.inputs["width"]).toBe(128);
    expect(node(file, 30).outputs![0]!.links).toEqual([]);
    expect(linked.links).toHaveLength(8);
  });

  it("draws by the seed that is asked for", async () => {
    const workflow = defineWorkflow({ workflow: saved, parameters: {}, outputs });
    const drawn = async (promptSeed: number) =>
      (await backend.run(workflow, {}, { promptSeed })).graph["12:2"]!.inputs["text"];
    expect(await drawn(1)).toBe(await drawn(1));
    await expect(backend.run(workflow, {}, { promptSeed: -1 })).rejects.toMatchObject({
      issues: [{ field: "promptSeed" }],
    });
  });

  it("comes along in the envelope of a prompt in API format", async () => {
    const prompt = uiToApi(saved, info, { promptSeed: 1 });
    const envelope = { client_id: "x", prompt, extra_data: { extra_pnginfo: { workflow: saved } } };
    await backend.run(defineWorkflow({ workflow: envelope, parameters: {}, outputs }), {});
    expect(pngInfo(-1)!.workflow.nodes).toHaveLength(4);
    expect((fake.prompts.at(-1) as { prompt: object }).prompt).toEqual(prompt);
    await backend.run(defineWorkflow({ workflow: { prompt }, parameters: {}, outputs }), {});
    expect(pngInfo(-1)).toBeUndefined();
    await backend.run(defineWorkflow({ workflow: { workflow: saved, output: prompt }, parameters: {}, outputs }), {});
    expect(pngInfo(-1)!.workflow.nodes).toHaveLength(4);
  });
});
