import type { GenerationEvent, InvalidRequestError } from "@latentkit/core";
import { FakeComfy, type FakeComfyOptions } from "@latentkit/testing";
import { afterEach, describe, expect, expectTypeOf, it } from "vitest";
import { comfy } from "../comfy-backend.ts";
import { defineWorkflow } from "./define-workflow.ts";
import type { ComfyNodes } from "./fixtures/fake-nodes.ts";
import type { ParameterValues } from "./parameters.ts";
import { typedGraph } from "./typed-graph.ts";
import type { WorkflowFile } from "./workflow-file.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function serve(options: FakeComfyOptions = {}) {
  const fake = await FakeComfy.start(options);
  const backend = comfy({ url: fake.url, pollMs: 100 });
  closers.push(
    () => backend.dispose(),
    () => fake.stop(),
  );
  return { fake, backend };
}

function simple(save: "SaveImage" | "SaveImageWebsocket" = "SaveImage") {
  const g = typedGraph<ComfyNodes>();
  const [model, clip, vae] = g.add("4", "CheckpointLoaderSimple", { ckpt_name: "tiny.safetensors" });
  const [positive] = g.add("6", "CLIPTextEncode", { text: "a fox", clip });
  const [negative] = g.add("7", "CLIPTextEncode", { text: "", clip });
  const [latent_image] = g.add("5", "EmptyLatentImage", { width: 64, height: 64, batch_size: 1 });
  const settings = { steps: 4, cfg: 7, sampler_name: "euler", scheduler: "normal", denoise: 1 } as const;
  const [samples] = g.add("3", "KSampler", {
    model,
    seed: 2n ** 63n + 1n,
    positive,
    negative,
    latent_image,
    ...settings,
  });
  const [images] = g.add("8", "VAEDecode", { samples, vae });
  if (save === "SaveImage") g.add("9", "SaveImage", { images, filename_prefix: "mine" });
  else g.add("9", "SaveImageWebsocket", { images });
  return g.graph;
}

const parameters = {
  prompt: { node: "6", input: "text", type: "string", required: true },
  seed: { node: "3", input: "seed", type: "seed" },
  side: {
    targets: [
      { node: "5", input: "width" },
      { node: "5", input: "height" },
    ],
    type: "integer",
    min: 16,
    max: 256,
  },
  sampler: { node: "3", input: "sampler_name", type: "choice", choices: ["euler", "heun"] },
} as const;

const portrait = (save?: "SaveImageWebsocket") =>
  defineWorkflow({
    workflow: simple(save),
    parameters,
    outputs: { picture: { node: "9" }, all: { node: "9", kind: "raw" } },
  });

describe("defineWorkflow", () => {
  it("types what is given and what comes back", () => {
    expectTypeOf<ParameterValues<typeof parameters>>().toEqualTypeOf<
      { prompt: string } & { seed?: number | bigint | string; side?: number; sampler?: "euler" | "heun" }
    >();
    type Result = Awaited<ReturnType<typeof run>>;
    const run = async () => (await serve()).backend.run(portrait(), { prompt: "a" });
    expectTypeOf<Result["outputs"]>().toEqualTypeOf<{
      readonly picture: WorkflowFile[];
      readonly all: Record<string, unknown>;
    }>();
    // @ts-expect-error the compiler knows the server's samplers
    typedGraph<ComfyNodes>().add("x", "KSamplerSelect", { sampler_name: "eulr" });
    expect(portrait().parameters).toBe(parameters);
  });

  it("runs with the given values, and keeps the workflow's own for the rest", async () => {
    const { fake, backend } = await serve();
    const events: GenerationEvent["type"][] = [];
    const { outputs, promptId } = await backend.run(
      portrait(),
      { prompt: "a hare", side: 128 },
      { onEvent: ({ type }) => events.push(type) },
    );
    const { prompt, prompt_id } = fake.prompts[0] as {
      prompt: Record<string, { inputs: Record<string, unknown> }>;
      prompt_id: string;
    };
    expect(prompt_id).toBe(promptId);
    expect(prompt["6"]!.inputs["text"]).toBe("a hare");
    expect(prompt["3"]!.inputs["seed"]).toBe(2n ** 63n + 1n);
    expect(prompt["5"]!.inputs).toEqual({ width: 128, height: 128, batch_size: 1 });
    expect(outputs.picture).toHaveLength(1);
    expect(outputs.picture[0]!.filename).toBe("mine_00001_.png");
    expect((await outputs.picture[0]!.bytes()).length).toBeGreaterThan(100);
    expect(outputs.all).toEqual({ images: [{ filename: "mine_00001_.png", subfolder: "", type: "output" }] });
    expect(events.slice(0, 2)).toEqual(["queued", "started"]);
    expect(events).toContain("progress");
  });

  it("takes pictures from the socket", async () => {
    const { backend } = await serve();
    const { outputs } = await backend.run(portrait("SaveImageWebsocket"), { prompt: "a" });
    expect(outputs.picture[0]!.filename).toBe("picture-0.png");
    expect((await outputs.picture[0]!.bytes()).length).toBeGreaterThan(100);
  });

  it("asks again for pictures that were lost on the socket, and says so", async () => {
    const { fake, backend } = await serve();
    fake.sockets.losesPictures = 1;
    const warnings: string[] = [];
    const onEvent = (event: GenerationEvent) => event.type === "warning" && warnings.push(event.code);
    const { outputs } = await backend.run(portrait("SaveImageWebsocket"), { prompt: "a" }, { onEvent });
    expect(outputs.picture).toHaveLength(1);
    expect(warnings).toEqual(["job_rerun"]);
  });

  it("uploads images", async () => {
    const { fake, backend } = await serve();
    const workflow = {
      1: { class_type: "LoadImage", inputs: { image: "x.png" } },
      2: { class_type: "PreviewImage", inputs: { images: ["1", 0] } },
    };
    const copy = defineWorkflow({
      workflow,
      parameters: { photo: { node: "1", input: "image", type: "image" } },
      outputs: { copy: { node: "2" } },
    });
    const png = Buffer.from(
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
      "base64",
    );
    const { outputs } = await backend.run(copy, { photo: png });
    expect(outputs.copy).toHaveLength(1);
    expect(fake.uploaded).toHaveLength(1);
  });

  it("refuses wrong values by the parameter's name, before anything is queued", async () => {
    const { fake, backend } = await serve();
    const given = { prompt: 7, side: 512, sampler: "ddim", seed: -1, colour: "red" } as never;
    const error = (await backend.run(portrait(), given).catch((reason: unknown) => reason)) as InvalidRequestError;
    expect(error.issues.map(({ field }) => field)).toEqual(["colour", "prompt", "seed", "side", "sampler"]);
    expect(error.message).toContain("side: must be a whole number from 16 to 256, not 512");
    const missing = await backend.run(portrait(), {} as never).catch((reason: unknown) => reason);
    expect((missing as Error).message).toContain("prompt: is required: a string");
    expect(fake.prompts).toEqual([]);
  });

  it.each([
    ["workflow", undefined, {}, {}],
    ["values", "ours", undefined, {}],
    ["previewEvery", "ours", { prompt: "x" }, { previewEvery: -1 }],
  ])("refuses a call without types: %s", async (field, which, values, options) => {
    const { fake, backend } = await serve();
    const workflow = which && defineWorkflow({ workflow: simple(), parameters, outputs: { picture: { node: "9" } } });
    const call = backend.run(workflow as never, values as never, options);
    await expect(call).rejects.toMatchObject({ code: "invalid_request", issues: [{ field }] });
    expect(fake.requests).toEqual([]);
  });

  it("is checked against the server's nodes", async () => {
    const { backend } = await serve({ withoutNodes: ["VAEDecode"], models: { checkpoints: ["other.ckpt"] } });
    const error = (await backend
      .run(portrait(), { prompt: "a" })
      .catch((reason: unknown) => reason)) as InvalidRequestError;
    expect(error.issues.map(({ field }) => field)).toEqual(["4.ckpt_name", "8"]);
  });

  it("stops the prompt when aborted", async () => {
    const { fake, backend } = await serve({ stepMs: 100 });
    const controller = new AbortController();
    const onEvent = ({ type }: GenerationEvent) => type === "started" && controller.abort();
    await expect(
      backend.run(portrait(), { prompt: "a" }, { signal: controller.signal, onEvent }),
    ).rejects.toMatchObject({ code: "aborted" });
    expect(fake.isIdle).toBe(true);
  });

  it("throws what a node throws", async () => {
    const { backend } = await serve({ fails: (id) => (id === "8" ? { message: "no" } : undefined) });
    await expect(backend.run(portrait(), { prompt: "a" })).rejects.toMatchObject({
      code: "generation",
      details: { node: "8" },
    });
  });

  it.each([
    ["no workflow", { workflow: [], parameters: {}, outputs: {} }, "workflow: must be a workflow's JSON"],
    ["a node without a type", { workflow: { 1: {} }, parameters: {}, outputs: {} }, 'node "1" has no class_type'],
    [
      "a parameter of no node",
      { workflow: simple(), parameters: { x: { node: "77", input: "a", type: "string" } }, outputs: {} },
      'there is no node "77"',
    ],
    [
      "a parameter of no input",
      { workflow: simple(), parameters: { x: { node: "6", input: "txt", type: "string" } }, outputs: {} },
      'has no input "txt"; it has text, clip',
    ],
    [
      "an output of no node",
      { workflow: simple(), parameters: {}, outputs: { x: { node: "78" } } },
      'outputs.x: there is no node "78"',
    ],
  ])("refuses %s", (_, definition, message) => {
    expect(() => defineWorkflow(definition as never)).toThrow(
      expect.objectContaining({ code: "config", message: expect.stringContaining(message) }),
    );
  });

  it("gives every node inputs", () => {
    const { graph } = defineWorkflow({ workflow: { a: { class_type: "X" } }, parameters: {}, outputs: {} });
    expect(graph(undefined as never)).toEqual({ a: { class_type: "X", inputs: {} } });
  });
});
