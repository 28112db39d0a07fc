import {
  AbortedError,
  type Backend,
  type CallOptions,
  type Capabilities,
  featureNames,
  GenerationError,
  type GenerationEvent,
  type GenerationRequest,
  type JobHandle,
  type PixelsPayload,
  ProgressClock,
  seedOfImage,
} from "@latentkit/core";

/** Settings of the in-memory backend. */
export interface MemoryBackendOptions {
  id?: string;
  /** Milliseconds for each step. Default 1. */
  stepMs?: number;
  /** Decides whether a picture fails, by its prompt and index. */
  fails?: (prompt: string, index: number) => boolean;
  /** An error that ends a job, by how far it has come: before it is taken, once it is taken, or once work has begun. */
  breaks?: (request: GenerationRequest, at: "submit" | "queued" | "started") => unknown;
  /** Whether jobs have handles, and can be resumed by them. Default false. */
  resumable?: boolean;
  usdPerImage?: number;
  /** Sizes that it takes. Default 8 to 4096. */
  sides?: { min: number; max: number };
}

/** A backend without a model: it draws stripes from the seed. The contract's reference, for tests of what uses one. */
export interface MemoryBackend extends Backend {
  /** Generations begun so far. */
  readonly begun: number;
  /** Generations running now. */
  readonly running: number;
}

/** Makes an in-memory backend. Its pictures are deterministic: a function of seed, width and height. */
export function memoryBackend(options: MemoryBackendOptions = {}): MemoryBackend {
  const { id = "memory", stepMs = 1, fails = () => false, breaks = () => undefined, resumable = false } = options;
  const state = { begun: 0, running: 0 };

  async function* generate(request: GenerationRequest, { signal }: CallOptions): AsyncGenerator<GenerationEvent> {
    breakAt(request, "submit");
    state.begun++;
    yield* work(request, signal);
  }

  function breakAt(request: GenerationRequest, at: "submit" | "queued" | "started"): void {
    const error = breaks(request, at);
    if (error !== undefined) throw error;
  }

  async function* work(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    state.running++;
    try {
      const resolved = { width: request.width ?? 16, height: request.height ?? 16, steps: request.steps ?? 4 };
      yield { type: "queued", position: 0, ...(resumable ? { handle: { job: state.begun } } : {}) };
      breakAt(request, "queued");
      await pause(0, signal);
      yield { type: "started", resolved, model: { id: "stripes", hash: "sha256:stripes" }, versions: {} };
      breakAt(request, "started");
      yield* drawAll({ ...request, ...resolved }, signal);
      yield { type: "completed", timings: { sampleMs: 1 } };
    } finally {
      state.running--;
    }
  }

  async function* drawAll(request: GenerationRequest & Size, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    let made = 0;
    for (let index = 0; index < request.count; index++) {
      const seed = seedOfImage(request.seed ?? 0, index);
      yield* stepThrough(request, index, seed, signal);
      if (!fails("prompt" in request ? (request.prompt ?? "") : "", index)) {
        made++;
        yield { type: "image", index, seed, image: stripes(seed, request.width, request.height) };
        continue;
      }
      const error = new GenerationError(`Picture ${index} failed.`, { backend: id });
      if (request.count === 1 || (made === 0 && index === request.count - 1)) throw error;
      yield { type: "warning", code: "image_failed", message: error.message, index, seed, error: error.toJSON() };
    }
  }

  async function* stepThrough(
    { steps, previewEvery, width, height }: GenerationRequest & Size,
    index: number,
    seed: number | string,
    signal: AbortSignal,
  ): AsyncGenerator<GenerationEvent> {
    const clock = new ProgressClock("sample", steps);
    for (let step = 1; step <= steps; step++) {
      await pause(stepMs, signal);
      yield clock.at(step, { index });
      if (previewEvery > 0 && step % previewEvery === 0)
        yield { type: "preview", index, step, image: stripes(seed, width, height) };
    }
  }

  return {
    id,
    get begun() {
      return state.begun;
    },
    get running() {
      return state.running;
    },
    capabilities: async () => capabilitiesOf(id, options),
    generate,
    ...(resumable && { resume: ({ request }: JobHandle, { signal }: CallOptions) => work(request, signal) }),
    dispose: async () => {},
  };
}

interface Size {
  width: number;
  height: number;
  steps: number;
}

function capabilitiesOf(
  backend: string,
  { resumable = false, usdPerImage, sides = { min: 8, max: 4096 } }: MemoryBackendOptions,
): Capabilities {
  return {
    backend,
    model: { id: "stripes", hash: "sha256:stripes" },
    tasks: ["text-to-image", "unconditional"],
    features: featureNames,
    conditioning: [],
    samplers: ["euler"],
    schedulers: ["normal"],
    outputFormats: ["png", "jpeg", "webp"],
    defaults: { width: 16, height: 16, steps: 4 },
    limits: { width: { ...sides, multipleOf: 8 }, height: { ...sides, multipleOf: 8 } },
    resume: resumable,
    ...(usdPerImage === undefined ? {} : { usdPerImage }),
  };
}

function stripes(seed: number | string, width: number, height: number): PixelsPayload {
  const value = Number(BigInt(seed) % 251n);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => ((i * (value + 3)) ^ (value * 7)) & 255);
  return { kind: "pixels", width, height, channels: 3, base64: Buffer.from(data).toString("base64") };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  if (signal.aborted) throw AbortedError.isInstance(signal.reason) ? signal.reason : new AbortedError();
}
