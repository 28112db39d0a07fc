import { comfy } from "../../packages/backend-comfy/src/index.ts";
import { a1111, http } from "../../packages/backend-http/src/index.ts";
import { replicate } from "../../packages/backend-replicate/src/index.ts";
import { startFakeReplicate } from "../../packages/backend-replicate/src/testing/fake-replicate.ts";
import { type Backend, createClient } from "../../packages/core/src/index.ts";
import { serve } from "../../packages/server/src/index.ts";
import { FakeComfy, memoryBackend } from "../../packages/testing/src/index.ts";

/** A server that works, and the backend of such servers with limits short enough for a test. */
export interface Served extends AsyncDisposable {
  url: string;
  make(url: string): Backend;
  /** What is asked of it: as many of its calls as can be. */
  request: object;
}

const patience = { timeoutMs: 1500, reconnectMs: 1000, cancelMs: 500 };
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC";
const drawn = { prompt: "a red apple", steps: 6, seed: 3, previewEvery: 1 };

/** One of each kind of server, with the backend for it. */
export const servers: Readonly<Record<string, () => Promise<Served>>> = {
  http: async () => ({
    ...(await own()),
    make: (url) => http({ url, ...patience, stallMs: 1000, capabilitiesMs: 0 }),
    request: { ...drawn, task: "image-to-image", image: { base64: pixel } },
  }),
  a1111: async () => ({
    ...(await own()),
    make: (url) => a1111({ url, timeoutMs: 1500, cancelMs: 500, pollMs: 10, stallMs: 2000 }),
    request: drawn,
  }),
  comfy: async () => {
    const fake = await FakeComfy.start();
    return {
      url: fake.url,
      make: (url) => comfy({ url, ...patience }),
      request: { ...drawn, task: "image-to-image", image: { base64: pixel }, width: 64, height: 64 },
      [Symbol.asyncDispose]: () => fake.stop(),
    };
  },
  replicate: async () => {
    const { url, token, close } = await startFakeReplicate();
    const retry = { retries: 2, minDelayMs: 5, maxDelayMs: 50 };
    return {
      url,
      make: (to) =>
        replicate({ url: to, token, model: "acme/painter", timeoutMs: 1500, poll: { minMs: 10, maxMs: 20 }, retry }),
      request: { prompt: "a red apple", seed: 3 },
      [Symbol.asyncDispose]: close,
    };
  },
};

async function own() {
  const client = createClient({ backend: memoryBackend({ stepMs: 3 }) });
  const server = await serve(client, { port: 0, heartbeatMs: 200 });
  return {
    url: server.url,
    async [Symbol.asyncDispose]() {
      await server.close(0);
      await client.dispose();
    },
  };
}
