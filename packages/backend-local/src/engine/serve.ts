import { settingsAfter } from "../devices/settings-after.ts";
import { serializeError } from "../local-error.ts";
import { generate, warmUp } from "../pipeline/generate.ts";
import { ModelCache } from "./model-cache.ts";
import type { EnginePort } from "./port.ts";
import type { EngineSettings, ToEngine } from "./protocol.ts";
import { loadRuntime } from "./runtime.ts";

type Task = Extract<ToEngine, { type: "run" | "warm-up" }>;

/** Answers an engine's messages until it is closed. */
export function serve(port: EnginePort, settings: EngineSettings): void {
  const runtime = loadRuntime(settings);
  // Its failure belongs to the first task that needs it.
  let isUnusable = false;
  runtime.catch(() => {
    isUnusable = true;
  });
  let models = new ModelCache(runtime, settings.cacheModels);
  const running = new Map<number, AbortController>();

  const perform = async (message: Task) => {
    const { id } = message;
    const controller = new AbortController();
    running.set(id, controller);
    try {
      const hasChanged = await unlessDeviceFails(() => work(message, controller.signal));
      await port.send({ type: "done", id, retire: hasChanged || models.worn });
    } catch (error) {
      await port.send({ type: "failed", id, error: serializeError(error), retire: isUnusable });
    } finally {
      running.delete(id);
    }
  };

  const work = async (message: Task, signal: AbortSignal) => {
    if (message.type === "warm-up") return warmUp(await models.get(message.model), signal);
    const model = await models.get(message.job.model);
    for await (const event of generate(message.job, model, signal))
      await port.send({ type: "event", id: message.id, event });
  };

  /** Work that a GPU failed at is done anew, as {@link settingsAfter} has it. @returns whether that was so. */
  const unlessDeviceFails = async (attempt: () => Promise<void>) => {
    let own = settings;
    while (true) {
      try {
        await attempt();
        return own !== settings;
      } catch (error) {
        const next = settingsAfter(own, error);
        if (next === undefined) throw error;
        own = next;
        // What lies on the device is left to the end of this process, which is near: a lost one cannot be asked to give anything back.
        models = new ModelCache(loadRuntime(own), own.cacheModels);
      }
    }
  };

  port.onMessage((message) => {
    if (message.type === "close") port.close();
    else if (message.type === "cancel") running.get(message.id)?.abort();
    else void perform(message);
  });
  void port.send({ type: "ready", id: 0 });
}
