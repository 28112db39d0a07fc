import { serializeError } from "../local-error.ts";
import { generate, warmUp } from "../pipeline/generate.ts";
import { ModelCache } from "./model-cache.ts";
import type { EnginePort } from "./port.ts";
import type { EngineSettings, ToEngine } from "./protocol.ts";
import { loadRuntime } from "./runtime.ts";

/** Answers an engine's messages until it is closed. */
export function serve(port: EnginePort, settings: EngineSettings): void {
  const runtime = loadRuntime(settings);
  // Its failure belongs to the first task that needs it.
  let isUnusable = false;
  runtime.catch(() => {
    isUnusable = true;
  });
  const models = new ModelCache(runtime, settings.cacheModels);
  const running = new Map<number, AbortController>();

  const perform = async (message: Extract<ToEngine, { type: "run" | "warm-up" }>) => {
    const { id } = message;
    const controller = new AbortController();
    running.set(id, controller);
    try {
      if (message.type === "warm-up") await warmUp(await models.get(message.model), controller.signal);
      else {
        const model = await models.get(message.job.model);
        for await (const event of generate(message.job, model, controller.signal)) {
          await port.send({ type: "event", id, event });
        }
      }
      await port.send({ type: "done", id, retire: models.worn });
    } catch (error) {
      await port.send({ type: "failed", id, error: serializeError(error), retire: isUnusable });
    } finally {
      running.delete(id);
    }
  };

  port.onMessage((message) => {
    if (message.type === "close") port.close();
    else if (message.type === "cancel") running.get(message.id)?.abort();
    else void perform(message);
  });
  void port.send({ type: "ready", id: 0 });
}
