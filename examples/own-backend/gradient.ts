import { setTimeout as pause } from "node:timers/promises";
import type { Backend, CallOptions, Capabilities, GenerationEvent, GenerationRequest } from "@latentkit/core";

const capabilities: Capabilities = {
  backend: "gradient",
  tasks: ["text-to-image"],
  features: ["seed"],
  conditioning: [],
  samplers: [],
  schedulers: [],
  outputFormats: ["png", "jpeg", "webp"],
  limits: { width: { min: 8, max: 2048 }, height: { min: 8, max: 2048 } },
  resume: false,
};

/** Draws gradients that begin at the seed's brightness. */
export function gradient(): Backend {
  return { id: "gradient", capabilities: async () => capabilities, generate, dispose: async () => {} };
}

async function* generate(request: GenerationRequest, { signal }: CallOptions): AsyncGenerator<GenerationEvent> {
  const { width = 64, height = 64, count, seed = 0 } = request;
  yield { type: "queued" };
  yield { type: "started", resolved: { width, height } };
  for (let index = 0; index < count; index++) {
    await pause(1, undefined, { signal }); // stands for work that an abort must stop
    yield { type: "progress", phase: "sample", step: index + 1, steps: count };
    const first = Number((BigInt(seed) + BigInt(index)) % 256n);
    const pixels = Buffer.from(Array.from({ length: width * height * 3 }, (_, i) => first + Math.floor(i / 3)));
    const base64 = pixels.toString("base64");
    yield { type: "image", index, image: { kind: "pixels", width, height, channels: 3, base64 } };
  }
  yield { type: "completed" };
}
