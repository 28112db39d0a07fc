import { comfy } from "../../../packages/backend-comfy/src/index.ts";
import { a1111, http as latentkit } from "../../../packages/backend-http/src/index.ts";
import { openai } from "../../../packages/backend-openai/src/index.ts";
import { replicate } from "../../../packages/backend-replicate/src/index.ts";
import { type Backend, createClient } from "../../../packages/core/src/index.ts";
import { forms, HostileServer } from "../hostile-server.ts";
import { Fault, type Kind } from "../kind.ts";

/** Backends of servers, with limits short enough for a test. */
export const backends: Readonly<Record<string, (url: string) => Backend>> = {
  comfy: (url) => comfy({ url, checkpoint: "a.safetensors", timeoutMs: 400, reconnectMs: 500, cancelMs: 500 }),
  replicate: (url) =>
    replicate({
      url,
      token: "r8_0123456789abcdef",
      model: "acme/painter",
      timeoutMs: 400,
      retry: { retries: 1, minDelayMs: 50, maxDelayMs: 100 },
    }),
  openai: (url) =>
    openai({ url: `${url}/v1`, apiKey: "sk-0123456789abcdef", model: "gpt-image-1", timeoutMs: 400, retries: 1 }),
  http: (url) => latentkit({ url, apiKey: "lk-0123456789abcdef", timeoutMs: 400, stallMs: 400, reconnectMs: 500 }),
  a1111: (url) => a1111({ url, auth: "user:lk-0123456789abcdef", timeoutMs: 400, cancelMs: 500 }),
};

/** Servers that answer in ways that mean harm: each call ends with a typed error, in time, and nothing of ours is told. */
export async function http(): Promise<Kind> {
  return {
    longestMs: 30_000,
    async once(random) {
      const name = random.pick(Object.keys(forms)) as keyof typeof forms;
      await using server = await HostileServer.start(forms[name]);
      const backend = backends[random.pick(Object.keys(backends))]!(server.url);
      const client = createClient({ backend });
      try {
        await client.generate({ prompt: "a red apple" });
      } catch (error) {
        if (/(?:r8_|lk-|sk-)0123456789abcdef/.test(String((error as Error).stack)))
          throw new Fault(`${name}: the token is told`);
        throw error;
      } finally {
        await client.dispose();
      }
      throw new Fault(`${name}: a picture was made of nothing`);
    },
    async [Symbol.asyncDispose]() {},
  };
}
