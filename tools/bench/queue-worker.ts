/** A worker of the queue's bench, in a process of its own that can be killed. */
import { setTimeout as sleep } from "node:timers/promises";
import type {
  Backend,
  CallOptions,
  GenerationEvent,
  GenerationRequest,
  JobHandle,
} from "../../packages/core/src/index.ts";
import { startWorker } from "../../packages/queue/src/index.ts";
import { memoryBackend } from "../../packages/testing/src/index.ts";

const { kind, url, ...options } = JSON.parse(process.argv[2]!) as { kind: "billed" | "free"; url: string };
const stripes = memoryBackend({ stepMs: 10, usdPerImage: 0 });
await startWorker(kind === "free" ? stripes : billed(), { ...options, concurrency: 4 });
process.stdout.write("ready\n");

/** A backend over the service: a handle with each order, by which another process goes on. */
function billed(): Backend {
  const ask = async (path: string) => (await fetch(`${url}${path}`)).json() as Promise<Record<string, never>>;
  async function* follow(id: string, request: GenerationRequest, call: CallOptions): AsyncGenerator<GenerationEvent> {
    yield { type: "queued", handle: { id } };
    for (let step = 0; step < 10; ) {
      const { done } = await ask(`/look?id=${id}`);
      call.signal.throwIfAborted();
      const reached = Math.floor(Number(done) * 10);
      if (reached > step) yield { type: "progress", phase: "sample", step: reached, steps: 10, index: 0 };
      step = reached;
      await sleep(10);
    }
    for await (const event of stripes.generate(request, call)) if (event.type !== "queued") yield event;
  }
  return {
    ...stripes,
    id: "billed",
    capabilities: async () => ({
      ...(await stripes.capabilities()),
      backend: "billed",
      usdPerImage: 0.01,
      resume: true,
    }),
    async *generate(request: GenerationRequest, call: CallOptions) {
      const { id } = await ask(`/create?seed=${request.seed}`);
      yield* follow(id as unknown as string, request, call);
    },
    resume: ({ data, request }: JobHandle, call: CallOptions) => follow(data.id as string, request, call),
  };
}
