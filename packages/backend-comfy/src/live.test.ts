import {
  type Client,
  createClient,
  encodeImage,
  type GenerationEvent,
  type GenerationInput,
  type LatentKitError,
  readRecipe,
} from "@latentkit/core";
import { collect, describeBackend, until } from "@latentkit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { comfy } from "./comfy-backend.ts";
import { defineWorkflow } from "./workflow/define-workflow.ts";
import { generateNodeTypes } from "./workflow/node-types.ts";

// A real ComfyUI. Its checkpoint (the server's only one, or COMFYUI_CHECKPOINT) may be random: pictures need no meaning.
const url = process.env["COMFYUI_URL"] ?? "";
const checkpoint = process.env["COMFYUI_CHECKPOINT"];
const isSet = url !== "";
const options = { url, ...(checkpoint === undefined ? {} : { checkpoint }) };
const size = { width: 64, height: 64 } as const;
const request = { prompt: "a red apple", steps: 2, seed: 7, ...size } satisfies GenerationInput;

if (isSet) {
  for (const delivery of ["view", "socket"] as const) {
    describeBackend(`comfy on the server at COMFYUI_URL, pictures by ${delivery}`, async () => {
      const backend = comfy({ ...options, delivery });
      const queue = async () => {
        const { queue_running, queue_pending } = (await (await fetch(`${url}/queue`)).json()) as Record<
          string,
          unknown[]
        >;
        return queue_running!.length + queue_pending!.length;
      };
      let begun = 0;
      const { generate } = backend;
      backend.generate = (...args) => {
        begun++;
        return generate.apply(backend, args);
      };
      // A refusal reaches generate() at most with the server's own checks; what counts is that nothing was queued.
      const before = await historyLength(backend);
      return {
        backend,
        request,
        longRequest: { ...request, steps: 12, seed: Math.floor(Math.random() * 1e9) },
        unsupported: { request: { ...request, sampler: "none" }, field: "sampler" },
        workBegun: async () => (begun === 0 ? 0 : (await historyLength(backend)) - before + (await queue())),
        isIdle: async () => (await queue()) === 0,
      };
    });
  }
}

async function historyLength({ server }: ReturnType<typeof comfy>): Promise<number> {
  return Object.keys(await server.http.json<object>("GET", "/history")).length;
}

describe.skipIf(!isSet)("the server at COMFYUI_URL (not run when unset)", () => {
  let client: Client;
  let backend: ReturnType<typeof comfy>;
  let image: Uint8Array;
  let mask: Uint8Array;
  beforeAll(async () => {
    backend = comfy(options);
    client = createClient({ backend });
    const data = (f: (i: number) => number) => Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => f(i));
    image = await encodeImage({ ...size, channels: 3, data: data((i) => (i * 7) % 251) }, "png");
    mask = await encodeImage({ ...size, channels: 3, data: data((i) => (i % 192 > 96 ? 255 : 0)) }, "png");
  });
  afterAll(() => client.dispose());

  const sizeOf = async (input: GenerationInput) => (await client.generate(input)).images[0]!.size();

  it("text to image, with seeds, a recipe and previews", async () => {
    const job = client.generate({ ...request, seed: 2n ** 64n - 1n, count: 2, steps: 3, previewEvery: 1 });
    const { events } = await collect(job);
    const { images } = await job;
    expect(images.map(({ seed }) => seed)).toEqual(["18446744073709551615", 0]);
    const recipe = await readRecipe(await images[0]!.bytes("png"));
    expect(recipe.versions["comfyui"]).toMatch(/^\d/);
    expect(recipe.request).toMatchObject({ width: 64, height: 64, steps: 3, seed: "18446744073709551615" });
    const steps = (index: number) =>
      events.flatMap((event) =>
        event.type === "progress" && event.phase === "sample" && event.index === index ? [event.step] : [],
      );
    expect([steps(0), steps(1)]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  it("image to image", async () => {
    expect(await sizeOf({ ...request, task: "image-to-image", image, strength: 0.5 })).toEqual(size);
  });

  it.each(["noise-mask", "vae-inpaint", "inpaint-model"])(
    "inpaint by %s keeps what is black in the mask",
    async (inpaint) => {
      const comfyOptions = { comfy: { inpaint } };
      const { images } = await client.generate({
        ...request,
        task: "inpaint",
        image,
        mask,
        backendOptions: comfyOptions,
      });
      const { data } = await images[0]!.pixels();
      const kept = Array.from({ length: 20 }, (_, x) => [data[x * 3], (x * 3 * 7) % 251]);
      expect(kept.map(([is]) => is)).toEqual(kept.map(([, was]) => was));
    },
  );

  it("inpaint with a hires pass keeps what is black in the mask, enlarged", async () => {
    const fill = (color: (x: number) => number[]) =>
      encodeImage(
        {
          width: 64,
          height: 64,
          channels: 3,
          data: Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => color(Math.floor(i / 3) % 64)[i % 3]!),
        },
        "png",
      );
    const [blue, left] = await Promise.all([
      fill(() => [51, 102, 204]),
      fill((x) => (x < 32 ? [255, 255, 255] : [0, 0, 0])),
    ]);
    const input = { ...request, task: "inpaint", image: blue, mask: left, hires: { scale: 1.5 } } as const;
    const { images } = await client.generate(input);
    const { width, height, channels, data } = await images[0]!.pixels();
    expect([width, height]).toEqual([96, 96]);
    const at = (x: number, y: number) => [...data.subarray((y * width + x) * channels, (y * width + x) * channels + 3)];
    for (const x of [60, 80, 95]) expect(at(x, x)).toEqual([51, 102, 204]);
  });

  it("outpaint", async () => {
    expect(await sizeOf({ prompt: "a", steps: 2, seed: 7, task: "outpaint", image, left: 8, right: 20 })).toEqual({
      width: 92,
      height: 64,
    });
  });

  it("upscale", async () => {
    expect(await sizeOf({ task: "upscale", image, scale: 2 })).toEqual({ width: 128, height: 128 });
  });

  it("unconditional", async () => {
    expect(await sizeOf({ task: "unconditional", steps: 1, ...size })).toEqual(size);
  });

  it("hires fix, CLIP skip, more text, guidance patches", async () => {
    const input = { ...request, steps: 1, clipSkip: 2, hires: { scale: 1.5, steps: 1 }, guidance: { rescale: 0.5 } };
    const conditioning = [
      { kind: "text", prompt: "snow", weight: 1.2 },
      { kind: "text", prompt: "night", start: 0.3, end: 0.9 },
    ] as const;
    expect(await sizeOf({ ...input, conditioning: [...conditioning] })).toEqual({ width: 96, height: 96 });
  });

  it("resumes from another process's handle", async () => {
    // A client of its own: the one that resumes takes over its id, and leaves its socket silent.
    const first = createClient({ backend: comfy(options) });
    const job = first.generate({ ...request, steps: 30, seed: 99 });
    await until(job, (event) => event.type === "progress" && event.phase === "sample");
    const handle = JSON.parse(JSON.stringify(job.handle));
    const other = createClient({ backend: comfy(options) });
    const { images } = await other.resume(handle);
    expect(await images[0]!.pixels()).toEqual(await (await job).images[0]!.pixels());
    await other.dispose();
    await first.dispose();
  });

  it("cancels a waiting job, and leaves the running one alone", async () => {
    const running = client.generate({ ...request, steps: 20, seed: 5 });
    await until(running, (event) => event.type === "progress" && event.phase === "sample");
    const waiting = client.generate({ ...request, seed: 6 });
    await until(waiting, (event) => event.type === "queued");
    waiting.cancel();
    await expect(waiting.then()).rejects.toMatchObject({ code: "aborted" });
    expect((await running).images).toHaveLength(1);
  });

  it("flattens the server's own refusal to the request's field", async () => {
    const other = comfy(options);
    const info = await other.server.objectInfo();
    const list = info.input("KSampler", "sampler_name");
    (list as unknown as { options: string[] }).options.push("made-up");
    const error = (await createClient({ backend: other })
      .generate({ ...request, sampler: "made-up" })
      .catch((reason: unknown) => reason)) as LatentKitError;
    expect(error).toMatchObject({
      code: "invalid_request",
      issues: [{ field: "sampler", message: expect.stringContaining("made-up") }],
    });
    await other.dispose();
  });

  it("runs a workflow", async () => {
    const info = await backend.server.objectInfo();
    const checkpoints = info.choices("CheckpointLoaderSimple", "ckpt_name");
    const ckpt_name = checkpoints.find((name) => name.startsWith(checkpoint ?? "")) ?? "";
    const workflow = {
      1: { class_type: "CheckpointLoaderSimple", inputs: { ckpt_name } },
      2: { class_type: "CLIPTextEncode", inputs: { text: "a", clip: ["1", 1] } },
      3: { class_type: "EmptyLatentImage", inputs: { ...size, batch_size: 2 } },
      4: {
        class_type: "KSampler",
        inputs: {
          model: ["1", 0],
          seed: 1,
          steps: 2,
          cfg: 7,
          sampler_name: "euler",
          scheduler: "normal",
          positive: ["2", 0],
          negative: ["2", 0],
          latent_image: ["3", 0],
          denoise: 1,
        },
      },
      5: { class_type: "VAEDecode", inputs: { samples: ["4", 0], vae: ["1", 2] } },
      6: { class_type: "SaveImageWebsocket", inputs: { images: ["5", 0] } },
    };
    const own = defineWorkflow({
      workflow,
      parameters: {
        prompt: { node: "2", input: "text", type: "string", required: true },
        seed: { node: "4", input: "seed", type: "seed" },
      },
      outputs: { pictures: { node: "6" } },
    });
    const heard: GenerationEvent["type"][] = [];
    const { outputs } = await backend.run(
      own,
      { prompt: "a boat", seed: 2n ** 63n },
      { onEvent: ({ type }) => heard.push(type) },
    );
    expect(outputs.pictures).toHaveLength(2);
    expect(heard).toContain("progress");
  });

  it("tells its node types", async () => {
    const text = generateNodeTypes(await backend.server.objectInfo(), { source: url });
    expect(text).toContain('"KSampler": {');
  });
});
