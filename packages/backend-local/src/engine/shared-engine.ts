import { isDeepStrictEqual } from "node:util";
import { version } from "@latentkit/core";
import { Engine, type EngineOptions } from "./engine.ts";

/** One user's hold on an engine. */
export interface EngineHold {
  readonly engine: Engine;
  /** Gives the engine back. The last one to do so ends it, with whatever it does. */
  release(): Promise<void>;
}

interface Shared {
  options: EngineOptions;
  version: string;
  engine: Engine;
  holders: Set<WeakRef<object>>;
}

/**
 * Engines of this process. They lie on the global object, since a development server loads this module anew with each change, and
 * starts what is in it anew as well.
 */
const key: unique symbol = Symbol.for("latentkit.engines");
const shelf = globalThis as { [key]?: Shared[] };
shelf[key] ??= [];
const engines = shelf[key];

/** The engine of these options: all backends of a process that have the same options share it, and so its memory and its turns. */
export function shareEngine(options: EngineOptions, holder: object): EngineHold {
  let shared = engines.find((other) => other.version === version && isDeepStrictEqual(other.options, options));
  if (shared === undefined) {
    shared = { options, version, engine: new Engine(options), holders: new Set() };
    engines.push(shared);
  }
  const hold = new WeakRef(holder);
  shared.holders.add(hold);
  return { engine: shared.engine, release: () => release(shared, hold) };
}

async function release(shared: Shared, hold: WeakRef<object>): Promise<void> {
  const { holders, engine } = shared;
  holders.delete(hold);
  // Who was forgotten without being disposed of holds nothing.
  for (const other of holders) if (other.deref() === undefined) holders.delete(other);
  if (holders.size > 0) return;
  const at = engines.indexOf(shared);
  if (at >= 0) engines.splice(at, 1);
  await engine.dispose();
}
