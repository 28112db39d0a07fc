import { GenerationError, type GenerationEvent, NotFoundError } from "@latentkit/core";
import { eventually, FakeComfy, type FakeComfyOptions } from "@latentkit/testing";
import { expect, it, onTestFinished } from "vitest";
import { type ComfyBackend, comfy } from "../comfy-backend.ts";
import { defineWorkflow } from "./define-workflow.ts";

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

function connect(fake: FakeComfy): ComfyBackend {
  const backend = comfy({ url: fake.url, pollMs: 100, comfyOrgApiKey: "paid-nodes-key" });
  onTestFinished(() => backend.dispose());
  return backend;
}

async function serve(options: FakeComfyOptions = {}) {
  const fake = await FakeComfy.start({ stepMs: 2, ...options });
  onTestFinished(() => fake.stop());
  return { fake, backend: connect(fake) };
}

const copy = (save: "SaveImage" | "PreviewImage" | "SaveImageWebsocket") =>
  defineWorkflow({
    workflow: {
      1: { class_type: "LoadImage", inputs: { image: "x.png" } },
      2: {
        class_type: save,
        inputs: { images: ["1", 0], ...(save === "SaveImage" ? { filename_prefix: "mine" } : {}) },
      },
    },
    parameters: { photo: { node: "1", input: "image", type: "image" } },
    outputs: { copy: { node: "2" } },
  });

const slow = defineWorkflow({
  workflow: {
    1: { class_type: "CheckpointLoaderSimple", inputs: { ckpt_name: "tiny.safetensors" } },
    2: { class_type: "CLIPTextEncode", inputs: { text: "a", clip: ["1", 1] } },
    3: { class_type: "EmptyLatentImage", inputs: { width: 64, height: 64, batch_size: 1 } },
    4: {
      class_type: "KSampler",
      inputs: {
        model: ["1", 0],
        positive: ["2", 0],
        negative: ["2", 0],
        latent_image: ["3", 0],
        seed: 1,
        steps: 60,
        cfg: 1,
        sampler_name: "euler",
        scheduler: "normal",
        denoise: 1,
      },
    },
    5: { class_type: "VAEDecode", inputs: { samples: ["4", 0], vae: ["1", 2] } },
    6: { class_type: "SaveImage", inputs: { images: ["5", 0], filename_prefix: "slow" } },
  },
  parameters: {},
  outputs: { picture: { node: "6" } },
});

it("uploads a photo again when the server's input folder was emptied", async () => {
  const { fake, backend } = await serve();
  await backend.run(copy("SaveImage"), { photo: png });
  fake.uploads.clear();
  const { outputs } = await backend.run(copy("SaveImage"), { photo: png });
  expect((await outputs.copy[0]!.bytes()).length).toBeGreaterThan(50);
  expect(fake.uploaded).toHaveLength(2);
});

it.each(["SaveImage", "PreviewImage"] as const)("has %s's cached file made anew when it was deleted", async (save) => {
  const { fake, backend } = await serve();
  await backend.run(copy(save), { photo: png });
  fake.worker.files.clear();
  const warnings: string[] = [];
  const onEvent = (event: GenerationEvent) => event.type === "warning" && warnings.push(event.code);
  const { outputs } = await backend.run(copy(save), { photo: png }, { onEvent });
  expect(warnings).toEqual(["job_rerun"]);
  expect((await outputs.copy[0]!.bytes()).length).toBeGreaterThan(50);
});

it("gives up after three runs when pictures are lost each time, and sends the same beside the graph each time", async () => {
  const { fake, backend } = await serve();
  fake.sockets.losesPictures = 9;
  const error = await backend
    .run(copy("SaveImageWebsocket"), { photo: png }, { previewEvery: 1 })
    .catch((e: unknown) => e);
  expect(GenerationError.isInstance(error)).toBe(true);
  expect((error as Error).message).toContain('The pictures of output "copy" were lost on the socket.');
  const beside = { preview_method: "auto", api_key_comfy_org: "paid-nodes-key" };
  expect(fake.prompts.map(({ extra_data }) => extra_data)).toEqual([beside, beside, beside]);
});

it("goes on with a run from its handle in another process, and reads one that has ended since", async () => {
  const { fake, backend } = await serve({ stepMs: 15 });
  let handle: Record<string, unknown> = {};
  const onEvent = (event: GenerationEvent) => {
    if (event.type === "queued" && event.handle !== undefined) handle = JSON.parse(JSON.stringify(event.handle));
  };
  const first = backend.run(slow, {}, { onEvent });
  expect(await eventually(() => fake.worker.running !== undefined && handle["promptId"] !== undefined)).toBe(true);
  const types = new Set<string>();
  const resumed = await connect(fake).resumeRun(slow, handle, { onEvent: ({ type }) => types.add(type) });
  expect(resumed.outputs.picture[0]!.filename).toBe("slow_00001_.png");
  expect([...types]).toEqual(["queued", "started", "progress"]);
  expect((await first).promptId).toBe(resumed.promptId);
  const { outputs } = await connect(fake).resumeRun(slow, handle);
  expect((await outputs.picture[0]!.bytes()).length).toBeGreaterThan(50);
  expect(fake.worker.runs).toHaveLength(1);
});

it("says when a handle is none, or of a run that the server does not know", async () => {
  const { fake, backend } = await serve();
  const handle = { url: fake.url, promptId: crypto.randomUUID(), clientId: "c" };
  for (const wrong of [{}, handle, { ...handle, url: "http://elsewhere" }]) {
    const error = await backend.resumeRun(slow, wrong).catch((reason: unknown) => reason);
    expect(NotFoundError.isInstance(error)).toBe(true);
  }
});

it.each(["queued", "progress"])("stops the prompt when a listener throws (%s)", async (which) => {
  const { fake, backend } = await serve({ stepMs: 50 });
  const onEvent = ({ type }: GenerationEvent) => {
    if (type === which) throw new Error(`no ${type}`);
  };
  await expect(backend.run(slow, {}, { onEvent })).rejects.toThrow(`no ${which}`);
  expect(await eventually(() => fake.isIdle)).toBe(true);
  expect(fake.prompts).toHaveLength(1);
  expect([...fake.worker.history.values()].filter(({ status }) => status.completed)).toEqual([]);
});
