import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import {
  createClient,
  encodeImage,
  type GenerationInput,
  type InvalidRequestError,
  type LatentKitError,
  redact,
} from "@latentkit/core";
import { FakeComfy, type FakeComfyOptions } from "@latentkit/testing";
import { ProxyAgent } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { comfy } from "./comfy-backend.ts";
import type { ComfyOptions } from "./comfy-options.ts";
import { fromConfig } from "./from-config.ts";
import { comfyPool } from "./pool/comfy-pool.ts";
import { defineWorkflow } from "./workflow/define-workflow.ts";

const png = {
  base64: Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  ).toString("base64"),
};
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function serve(options: FakeComfyOptions = {}): Promise<FakeComfy> {
  const fake = await FakeComfy.start(options);
  closers.push(() => fake.stop());
  return fake;
}

async function errorOf(url: string, request: object, options: ComfyOptions = {}): Promise<LatentKitError> {
  const client = createClient({ backend: comfy({ url, pollMs: 100, reconnectMs: 200, ...options }) });
  closers.push(() => client.dispose());
  const full = { prompt: "a fox", width: 64, height: 64, steps: 2, ...request } as GenerationInput;
  return client.generate(full).then(
    () => {
      throw new Error("it was not refused");
    },
    (error: unknown) => error as LatentKitError,
  );
}

const issuesOf = (error: LatentKitError) => (error as InvalidRequestError).issues;

describe("bad input", () => {
  it.each([
    ["a model that is not there", { model: "tinny" }, "model", "did you mean tiny.safetensors?"],
    [
      "a LoRA that is not there",
      { loras: [{ model: "ink-wash-v3" }] },
      "loras[0].model",
      "did you mean styles\\ink_wash-v2.safetensors?",
    ],
    [
      "a ControlNet that is not there",
      { conditioning: [{ kind: "control", control: "depth", image: png, model: "nope" }] },
      "conditioning[0].model",
      "control_canny",
    ],
    [
      "a control without a usual network",
      { conditioning: [{ kind: "control", control: "custom", image: png, model: "" }] },
      "conditioning[0].model",
      "ControlNet",
    ],
    ["an embedding that is not there", { embeddings: [{ model: "badhands" }] }, "embeddings[0].model", "easynegative"],
    [
      "an embedding that stands nowhere",
      { embeddings: [{ model: "easynegative" }] },
      "embeddings[0].token",
      "do nothing",
    ],
    ["an upscaler that is not there", { hires: { upscaler: "ESRGAN_4x" } }, "hires.upscaler", "upscale model"],
    ["a sampler that is not there", { sampler: "eulr" }, "sampler", "did you mean euler"],
    ["prompts in A1111's syntax", { promptSyntax: "a1111" }, "promptSyntax", "must be one of plain, comfyui"],
    ["a width that is no multiple of 8", { width: 100 }, "width", "a multiple of 8"],
    [
      "a strength beyond the node's range",
      {
        loras: [{ model: "detail", strength: 20 }],
        clipSkip: 24,
        conditioning: [{ kind: "image-prompt", image: png }],
      },
      "conditioning[0].kind",
      "must be one of",
    ],
    [
      "an unknown own option",
      { backendOptions: { comfy: { inpaint: "magic" } } },
      "backendOptions.comfy.inpaint",
      "noise-mask",
    ],
    ["guidance that the sampler has not", { guidance: { mode: "cfg++" } }, "guidance.mode", "_cfg_pp"],
    [
      "guidance for a part of the steps, by a sampler that looks back",
      { sampler: "dpmpp_2m", guidance: { end: 0.5 } },
      "guidance.end",
      "euler, ddim, heun",
    ],
    [
      "guidance that ends before it starts",
      { guidance: { start: 0.5, end: 0.4 } },
      "guidance.end",
      "must not be smaller",
    ],
    ["a scale for each step", { guidance: { scales: [7, 3] } }, "guidance.scales", "one guidanceScale"],
    [
      "options of a sampler without a node of its own",
      { sampler: "euler", samplerOptions: { s_churn: 2 } },
      "samplerOptions.s_churn",
      "use one of euler_ancestral",
    ],
    [
      "an option that the sampler has not",
      { sampler: "euler_ancestral", samplerOptions: { r: 1 } },
      "samplerOptions.r",
      "takes eta, s_noise",
    ],
    [
      "an option of the wrong kind",
      { sampler: "euler_ancestral", samplerOptions: { eta: "high" } },
      "samplerOptions.eta",
      "must be a number",
    ],
    [
      "an option beyond the node's range",
      { sampler: "euler_ancestral", samplerOptions: { eta: 101 } },
      "samplerOptions.eta",
      "0 to 100",
    ],
    [
      "a step to start at beyond the steps that are done",
      { task: "image-to-image", image: png, steps: undefined, startStep: 40 },
      "startStep",
      "must be below steps (20)",
    ],
    ["a latent to go on with", { startStep: 1, latent: { data: [0], shape: [1, 1, 1] } }, "latent", "no effect here"],
    [
      "a scheduler's table of another model's noise levels",
      { model: "sd3.5_large", scheduler: "align_your_steps" },
      "scheduler",
      "not for sd3",
    ],
    [
      "noise levels left out where the model's are not known",
      { model: "sd3.5_large", scheduler: "karras", schedulerOptions: { rho: 5 } },
      "schedulerOptions.sigma_max",
      "must be given for sd3",
    ],
    [
      "layers that ComfyUI does not perturb",
      { guidance: { pagScale: 3, pagLayers: ["mid", "up_blocks.0"] } },
      "guidance.pagLayers",
      'must be ["mid"] here',
    ],
    [
      "a perturbed-attention scale that changes over the steps",
      { guidance: { pagScale: 3, pagAdaptiveScale: 0.5 } },
      "guidance.pagAdaptiveScale",
      "the same at every step",
    ],
    [
      "a file name that the server would not give out",
      { backendOptions: { comfy: { filenamePrefix: "fox..v1" } } },
      "backendOptions.comfy.filenamePrefix",
      'must not contain ".."',
    ],
    [
      "a folder outside the server's own",
      { backendOptions: { comfy: { filenamePrefix: "/etc/x" } } },
      "backendOptions.comfy.filenamePrefix",
      "below the server's output folder",
    ],
    [
      "an image that does not exist",
      { task: "image-to-image", image: "/nowhere.png" },
      "image",
      "there is no such file",
    ],
    ["an image that is none", { task: "image-to-image", image: { base64: "AAAA" } }, "image", "must be a PNG"],
  ])("refuses %s, before anything is queued", async (_, request, field, message) => {
    const fake = await serve();
    const error = await errorOf(fake.url, request);
    const issue = issuesOf(error).find((entry) => entry.field === field);
    expect(issue?.message, error.message).toContain(message);
    expect(error.backend).toBe("comfy");
    expect(fake.prompts).toEqual([]);
    expect(fake.uploaded).toEqual([]);
  });

  it("hands no terminal's orders from a file or a request on", async () => {
    const fake = await serve();
    const odd = "No\u001b]0;owned\u0007\u001b[2Jpe";
    const backend = comfy({ url: fake.url });
    closers.push(() => backend.dispose());
    const nodes = {
      [odd]: { class_type: odd, inputs: {} },
      2: { class_type: "SaveImage", inputs: { images: [odd, 0] } },
    };
    const refused = await backend.run(defineWorkflow({ workflow: nodes, parameters: {}, outputs: {} }), {}).then(
      () => new Error("it was not refused") as LatentKitError,
      (error: unknown) => error as LatentKitError,
    );
    for (const error of [await errorOf(fake.url, { model: odd }), refused]) {
      expect(error.message).toContain("Nope");
      expect(error.message).not.toMatch(/\p{Cc}/u);
      expect(issuesOf(error).every(({ field, message }) => !/\p{Cc}/u.test(field + message))).toBe(true);
    }
  });

  it("names a node that the server lacks", async () => {
    const fake = await serve({ withoutNodes: ["VAEDecode"] });
    const error = await errorOf(fake.url, {});
    expect(issuesOf(error)).toEqual([
      {
        field: "decode",
        message: expect.stringContaining('needs the node type "VAEDecode", which the server does not have'),
      },
    ]);
  });

  it("flattens node_errors to the request's fields when the server's lists have changed", async () => {
    const fake = await serve();
    const client = createClient({ backend: comfy({ url: fake.url }) });
    closers.push(() => client.dispose());
    const request = { prompt: "a", model: "tiny", width: 64, height: 64, steps: 2, sampler: "euler" };
    await client.generate(request);
    fake.options.models = { checkpoints: ["other.safetensors"] };
    const error: LatentKitError = await client.generate(request).then(
      () => {
        throw new Error("it was not refused");
      },
      (reason: unknown) => reason as LatentKitError,
    );
    expect(error.code).toBe("invalid_request");
    expect(issuesOf(error)).toEqual([
      { field: "model", message: expect.stringContaining("Value not in list"), allowed: ["other.safetensors"] },
    ]);
    const again = await client.generate(request).catch((reason: unknown) => reason);
    expect((again as LatentKitError).message, "the definitions are read anew").toContain("the server has no model");
  });

  it("reads the definitions anew before it refuses a name: files may have been added", async () => {
    const fake = await serve();
    const backend = comfy({ url: fake.url });
    const client = createClient({ backend });
    closers.push(() => client.dispose());
    const request = { prompt: "easynegative", width: 64, height: 64, steps: 2 };
    await client.generate({ ...request, model: "tiny", embeddings: [{ model: "easynegative" }] });
    const reads = () => fake.requests.filter(({ path }) => path === "/object_info").length;
    expect(reads(), "what is there is not looked up again").toBe(1);
    fake.options.models = {
      checkpoints: ["tiny.safetensors", "new.safetensors"],
      loras: ["added.safetensors"],
      embeddings: ["easynegative", "badhands"],
    };
    expect((await client.generate({ ...request, model: "new" })).images).toHaveLength(1);
    expect(reads()).toBe(2);
    fake.options.models = { ...fake.options.models, loras: ["added.safetensors", "later.safetensors"] };
    const sampled = { ...request, model: "new", sampler: "later_sampler" };
    const before = reads();
    await expect(client.generate(sampled)).rejects.toThrow('sampler: "later_sampler"');
    expect(reads(), "once more before a refusal").toBe(before + 1);
    const { KSampler } = fake.nodes;
    const required = { ...KSampler?.input?.required, sampler_name: [["euler", "later_sampler"]] };
    fake.options.extraNodes = { KSampler: { ...KSampler!, input: { required } } };
    expect((await client.generate(sampled)).images).toHaveLength(1);
    const styled = { ...request, model: "new", prompt: "badhands", embeddings: [{ model: "badhands" }] };
    expect((await client.generate({ ...styled, loras: [{ model: "later" }] })).images).toHaveLength(1);
    fake.options.models = { checkpoints: ["tiny.safetensors", "newest.safetensors"] };
    expect((await backend.capabilities("newest")).model).toEqual({ id: "newest.safetensors" });
    const workflow = defineWorkflow({
      workflow: {
        "1": { class_type: "CheckpointLoaderSimple", inputs: { ckpt_name: "tiny.safetensors" } },
        "2": { class_type: "EmptyLatentImage", inputs: { width: 64, height: 64, batch_size: 1 } },
        "3": { class_type: "VAEDecode", inputs: { samples: ["2", 0], vae: ["1", 2] } },
        "4": { class_type: "PreviewImage", inputs: { images: ["3", 0] } },
      },
      parameters: { model: { node: "1", input: "ckpt_name", type: "string" } },
      outputs: { picture: { node: "4" } },
    });
    fake.options.models = { checkpoints: ["tiny.safetensors", "last.safetensors"] };
    const { outputs } = await backend.run(workflow, { model: "last.safetensors" });
    expect(outputs.picture).toHaveLength(1);
  });

  it("tells a server that stores an upload and does not say where", async () => {
    const fake = await serve({ uploadAnswer: "<html>stored</html>" });
    const error = await errorOf(fake.url, { task: "image-to-image", image: png });
    expect(error).toMatchObject({ code: "connection", retryable: false });
    expect(error.message).toContain("/upload/image did not answer");
    expect(fake.prompts).toEqual([]);
  });

  it("refuses an upload that is too large, here or there", async () => {
    const image = await encodeImage({ width: 64, height: 64, channels: 3, data: noise(64 * 64 * 3) }, "png");
    const request = { task: "image-to-image", image };
    const fake = await serve({ maxUploadBytes: 5000 });
    expect(issuesOf(await errorOf(fake.url, request, { maxUploadBytes: 1000 }))[0]).toMatchObject({
      field: "image",
      message: expect.stringContaining("at most 1000"),
    });
    expect(issuesOf(await errorOf(fake.url, request))[0]).toMatchObject({
      field: "image",
      message: expect.stringContaining("HTTP 413"),
    });
    expect(fake.prompts).toEqual([]);
  });

  it("tells an unreachable server", async () => {
    const fake = await serve();
    await fake.hangUp();
    const error = await errorOf(fake.url, {});
    expect(error).toMatchObject({
      code: "connection",
      retryable: true,
      message: `ComfyUI cannot be reached at ${fake.url}/object_info: ECONNREFUSED.`,
    });
    await fake.listen();
  });

  it.each([
    ["answers with a page", 200, "<html>Welcome</html>", "did not answer with JSON"],
    ["answers with other JSON", 200, '{"hello":"world"}', "has no nodes of ComfyUI's"],
    ["does not know the path", 404, "not found", "/object_info answers HTTP 404"],
  ])("tells a server that %s and so is no ComfyUI", async (_, status, body, message) => {
    const server = createServer((_request, response) => void response.writeHead(status).end(body));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(() => new Promise((resolve) => server.close(resolve)));
    const error = await errorOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {});
    expect(error).toMatchObject({ code: "connection", retryable: false });
    expect(error.message).toContain(message);
  });

  it.each([
    [401, "authentication"],
    [403, "authentication"],
    [429, "rate_limit"],
    [502, "connection"],
    [500, "generation"],
  ])("gives HTTP %i a type", async (status, code) => {
    const fake = await serve({ status });
    expect(await errorOf(fake.url, {})).toMatchObject({ code, backend: "comfy" });
  });
});

describe("options", () => {
  it.each([
    ["apiKey has a line break", { apiKey: "abc-secret\n" }],
    ["apiKey has a line break", { apiKey: "schlüssel-日本" }],
    ["apiKey must not be empty", { apiKey: "" }],
    ["headers.authorization has a line break", { headers: { authorization: "line\nabc-secret" } }],
    ["headers.x-team: has a line break", { headers: { "x-team": "line\nabc-secret" } }],
    ["headers.bad name: its name", { headers: { "bad name": "abc-secret" } }],
  ])("refuses what no request can carry, without showing it: %s", (problem, options) => {
    const error = (() => {
      try {
        return comfy(options) as unknown as LatentKitError;
      } catch (reason) {
        return reason as LatentKitError;
      }
    })();
    expect(error).toMatchObject({ code: "config", message: expect.stringContaining(`comfy: ${problem}`) });
    expect(inspect(error)).not.toMatch(/abc-secret|schlüssel/);
  });

  it("prints no key, whoever prints a backend, a pool or a client", () => {
    const options: ComfyOptions = {
      apiKey: "cloud-key-secret",
      comfyOrgApiKey: "org-key-secret",
      headers: { authorization: "Bearer header-secret", "x-team": "team-secret" },
      dispatcher: new ProxyAgent({ uri: "http://127.0.0.1:1", token: "Basic proxy-secret" }),
      webSocketUrl: "ws://me:socket-secret@127.0.0.1:1/ws?token=query-secret",
    };
    const backend = comfy({ url: "http://me:url-secret@127.0.0.1:1", ...options });
    backend.server.socket("c");
    const { webSocketUrl: _, ...shared } = options;
    for (const shown of [backend, createClient({ backend }), comfyPool({ servers: ["http://a"], ...shared })]) {
      const plain = Buffer.from("me:url-secret").toString("base64");
      for (const text of [inspect(shown, { depth: 12, showHidden: true }), JSON.stringify(shown)]) {
        expect(text).not.toMatch(/secret/);
        expect(text).not.toContain(plain);
      }
    }
    expect(redact("socket-secret and query-secret")).toBe("[redacted] and [redacted]");
  });

  it("has secrets taken out of every later error and log line", () => {
    comfy({
      url: "http://me:pw-of-the-url@127.0.0.1:1",
      apiKey: "cloud-key-of-mine",
      comfyOrgApiKey: "org-key-of-mine",
      headers: { authorization: "Bearer token-of-mine", "x-auth-team": "team-key-of-mine", "x-team": "art-department" },
    });
    const secrets = ["pw-of-the-url", "cloud-key-of-mine", "org-key-of-mine", "token-of-mine", "team-key-of-mine"];
    for (const secret of secrets) expect(redact(`it said ${secret}.`), secret).toBe("it said [redacted].");
    expect(redact("it said art-department.")).toBe("it said art-department.");
  });

  it.each([
    [{ url: "ftp://x" }, "url"],
    [{ url: "not an address" }, "url"],
    [{ webSocketUrl: "file:///x" }, "webSocketUrl"],
    [{ pollMs: -1 }, "pollMs"],
    [{ chekpoint: "x" }, "chekpoint"],
    [{ delivery: "post" }, "delivery"],
    [{ filenamePrefix: "../up" }, "filenamePrefix"],
    [{ filenamePrefix: "C:\\x" }, "filenamePrefix"],
  ])("refuses %o", (options, field) => {
    expect(() => comfy(options as ComfyOptions)).toThrow(
      expect.objectContaining({ code: "config", message: expect.stringContaining(field) }),
    );
  });

  it("takes the address from the environment where none is given", () => {
    expect(fromConfig({}, { COMFYUI_URL: "http://gpu:8188/" }).server.url).toBe("http://gpu:8188");
    expect(fromConfig({ url: "http://own:1" }, { COMFYUI_URL: "http://gpu:8188" }).server.url).toBe("http://own:1");
    expect(fromConfig({}, {}).server.url).toBe("http://127.0.0.1:8188");
    expect(fromConfig({ url: "localhost:9000" }, {}).server.url).toBe("http://localhost:9000");
  });
});

function noise(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
