import { LatentKitError } from "@latentkit/core";
import type { ComfyBackend } from "../comfy-backend.ts";

/** How a server of a pool was found. */
export interface ServerHealth {
  url: string;
  reachable: boolean;
  /** Jobs that run and wait there, other people's too. */
  jobs?: number;
  /** Why it cannot be used. */
  error?: string;
}

/** Health lookups in a row that failed make a server be left alone for a while, up to this long. */
const longestRestMs = 60_000;
const firstRestMs = 1_000;

/** One server of a pool, with what the pool knows of it. */
export class PoolMember {
  readonly backend: ComfyBackend;
  /** Jobs of ours that are on their way there, or run. */
  assigned = 0;
  /** The model that our last job there used: it is loaded, most likely. */
  warmModel: string | undefined;
  #failures = 0;
  #restsUntil = 0;

  constructor(backend: ComfyBackend) {
    this.backend = backend;
  }

  get url(): string {
    return this.backend.server.url;
  }

  /** Asks for its queue; one that has just failed is not asked again for a while. */
  async look(): Promise<ServerHealth> {
    const { url } = this;
    if (performance.now() < this.#restsUntil) return { url, reachable: false, error: "it failed a moment ago" };
    try {
      const { running, pending } = await this.backend.server.queue(250);
      this.#failures = 0;
      return { url, reachable: true, jobs: running.length + pending.length };
    } catch (error) {
      this.fail();
      return { url, reachable: false, error: LatentKitError.isInstance(error) ? error.message : String(error) };
    }
  }

  /** It has failed: it rests, longer each time. */
  fail(): void {
    this.#restsUntil = performance.now() + Math.min(longestRestMs, firstRestMs * 2 ** this.#failures);
    this.#failures++;
  }
}
