import {
  type Backend,
  createClient,
  InvalidRequestError,
  LatentKitError,
  parseRequest,
  type Recipe,
  redact,
  tasks,
} from "../../../packages/core/src/index.ts";
import { memoryBackend } from "../../../packages/testing/src/fakes/memory-backend.ts";
import { Fault, type Kind } from "../kind.ts";
import { mutatedJson } from "../random.ts";

const base64 = Buffer.from("no picture").toString("base64");
const whole = {
  task: "inpaint",
  prompt: "a red apple",
  negativePrompt: "blurry",
  image: { base64 },
  mask: { path: "/etc/passwd", sha256: "0".repeat(64) },
  width: 64,
  height: 64,
  steps: 4,
  seed: "18446744073709551615",
  count: 2,
  sampler: "DPM++ 2M Karras",
  guidance: { mode: "apg", scales: [1, 2, 3], pagScale: 1, pagLayers: ["mid"] },
  noise: { convention: "a1111", subseed: 3, subseedStrength: 0.5, resizeFrom: { width: 64, height: 64 } },
  samplerOptions: { eta: 0.5 },
  conditioning: [{ kind: "control", control: "canny", image: { url: "http://169.254.169.254/" } }],
  loras: [{ model: "../lora", strength: 1 }],
  hires: { scale: 2, upscaler: "x" },
  output: { format: "webp", quality: 5 },
  backendOptions: { memory: { webhook: "https://a.example" } },
};

/** Requests, changed: valid, or refused with the fields named in few words. */
export async function requests(): Promise<Kind> {
  return {
    longestMs: 2000,
    async once(random) {
      try {
        parseRequest(mutatedJson(whole, random));
      } catch (error) {
        if (!InvalidRequestError.isInstance(error)) throw error;
        if (error.issues.length === 0 || error.message.length > 10_000)
          throw new Fault(`${error.issues.length} issues, ${error.message.length} characters`);
        redact(error.message);
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Recipes from outside, changed and run: drawn without reaching anything, or refused. */
export async function recipes(): Promise<Kind> {
  const inner = memoryBackend({ stepMs: 0 });
  const reached: string[] = [];
  const backend: Backend = {
    ...inner,
    // It says that it can do all, so that nothing but the recipe's trust keeps a file or an address from it.
    capabilities: async (model) => ({
      ...(await inner.capabilities(model)),
      tasks,
      conditioning: ["control"],
      controls: ["canny"],
      samplers: "any",
      schedulers: "any",
    }),
    async *generate(request, options) {
      const { image, mask, latent } = request as unknown as Record<string, object | undefined>;
      for (const source of [image, mask, latent])
        if (source !== undefined && ("path" in source || "url" in source)) reached.push(JSON.stringify(source));
      if (request.model !== undefined && request.model !== "stripes") reached.push(`model ${request.model}`);
      if (request.count > 4) reached.push(`count ${request.count}`);
      if (Object.values(request.backendOptions).some((own) => Object.keys(own).length > 0))
        reached.push("backendOptions");
      yield* inner.generate(request, options);
    },
  };
  const client = createClient({ backend, onUnsupported: "warn" });
  return {
    longestMs: 5000,
    async once(random) {
      const { task: _, image: __, mask: ___, ...rest } = whole;
      const request =
        random.next() < 0.5
          ? whole
          : {
              ...rest,
              task: "text-to-image",
              count: 1,
              loras: [],
              conditioning: [],
              backendOptions: {},
              hires: undefined,
              steps: 2,
            };
      const recipe = mutatedJson(
        { latentkit: "recipe", version: 1, backend: "memory", request, versions: {} },
        random,
      ) as Recipe;
      // What lost its mark is a request, and those are the caller's own.
      if ((recipe as { latentkit?: unknown } | null)?.latentkit !== "recipe") return;
      const ended = await client.generate(recipe, { timeoutMs: 4000 }).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (reached.length > 0) throw new Fault(`reached ${reached.splice(0).join(", ")}`);
      if (LatentKitError.isInstance(ended) && /ENOENT|no such file|SHA-256 differs/.test(ended.message))
        throw new Fault(`tells of the disk: ${ended.message}`);
      if (ended !== undefined) throw ended;
    },
    [Symbol.asyncDispose]: () => client.dispose(),
  };
}
