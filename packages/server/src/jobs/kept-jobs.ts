import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, type JobHandle, saveFile } from "@latentkit/core";
import type { KeyEntry } from "./idempotency-keys.ts";
import type { Origin } from "./served-job.ts";

/** What is written down of a job, for a server that comes back. */
export interface KeptJob {
  id: string;
  origin: Origin;
  createdAt: number;
  /** By which the backend goes on with it; none once it has ended. */
  handle?: JobHandle | undefined;
  /** The idempotency key that it was ordered under. */
  key?: Omit<KeyEntry, "job"> | undefined;
}

/** Jobs as files in a folder: one each, written whole or not at all. */
export class KeptJobs {
  readonly #folder: string;
  /** Writes about a job come one after the other. */
  readonly #writing = new Map<string, Promise<void>>();

  /** @throws ConfigError where the folder cannot be made. */
  constructor(folder: string) {
    this.#folder = folder;
    try {
      mkdirSync(folder, { recursive: true });
      // Prompts and pictures stand in it.
      chmodSync(folder, 0o700);
    } catch (cause) {
      throw new ConfigError(`server: stateFolder: ${folder} cannot be used: ${(cause as Error).message}`, { cause });
    }
  }

  /** Every job that was kept. What is no such file is passed over. */
  load(): KeptJob[] {
    return readdirSync(this.#folder).flatMap((name) => {
      if (!/^[\w-]{1,100}\.json$/.test(name)) return [];
      try {
        const kept = JSON.parse(readFileSync(join(this.#folder, name), "utf8")) as KeptJob;
        return `${kept.id}.json` === name && typeof kept.origin?.owner === "string" ? [kept] : [];
      } catch {
        rmSync(join(this.#folder, name), { force: true });
        return [];
      }
    });
  }

  save(kept: KeptJob): Promise<void> {
    return this.#after(kept.id, () => saveFile(this.#pathOf(kept.id), Buffer.from(JSON.stringify(kept))));
  }

  remove(id: string): Promise<void> {
    return this.#after(id, () => rm(this.#pathOf(id), { force: true }));
  }

  /** Ends when all is written. */
  async settled(): Promise<void> {
    await Promise.all(this.#writing.values());
  }

  #after(id: string, write: () => Promise<void>): Promise<void> {
    // A full disk costs what would be known after a crash, not the job.
    const done = (this.#writing.get(id) ?? Promise.resolve()).then(write).catch(() => {});
    this.#writing.set(id, done);
    void done.then(() => {
      if (this.#writing.get(id) === done) this.#writing.delete(id);
    });
    return done;
  }

  #pathOf(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}
