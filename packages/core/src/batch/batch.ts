import type { Client, GenerateOptions } from "../client.ts";
import type { GeneratedImage } from "../image/generated-image.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { GenerationInput } from "../request/input-types.ts";
import { BatchRun } from "./batch-run.ts";
import type { BatchFile } from "./manifest.ts";

/** One item of a batch: a request or a recipe, or one with an id, which names it in the manifest and its pictures' files. */
export type BatchInput = GenerationInput | Recipe | { id: string; request: GenerationInput | Recipe };

/** Settings of a batch. */
export interface BatchOptions extends GenerateOptions {
  /** Jobs at once. Default 1. */
  concurrency?: number;
  /**
   * A file that says what is done: the same batch, run again with it, skips that, and goes on with jobs that a service still runs.
   * Without `out` an item counts as done once the next one is asked for.
   */
  manifest?: string;
  /** Folder that the pictures are written into, each whole or not at all. */
  out?: string;
  /** Whether an item that fails leaves the others to go on. Default false: what runs is finished, and the batch then fails. */
  keepGoing?: boolean;
}

/** What came of one item. */
export interface BatchItem {
  /** Position in the input, from 0. */
  index: number;
  /** Its id, or a hash of its request. */
  id: string;
  /** `skipped` was done by an earlier run. */
  status: "done" | "failed" | "skipped";
  /** The pictures that were made now. */
  images: readonly GeneratedImage[];
  /** The files they lie in, also those of an earlier run. */
  files: readonly BatchFile[];
  /** Why it failed. */
  error?: unknown;
}

/** How a batch ended. */
export interface BatchSummary {
  done: number;
  failed: number;
  skipped: number;
}

/**
 * Many requests, one after another or some at once. It begins when it is iterated or awaited, and reads its input no faster than it draws:
 * nothing is kept of an item once it has been handed over.
 */
export class Batch implements AsyncIterable<BatchItem>, PromiseLike<BatchSummary> {
  readonly #run: BatchRun;
  #summary: Promise<BatchSummary> | undefined;

  constructor(client: Client, inputs: Iterable<BatchInput> | AsyncIterable<BatchInput>, options: BatchOptions = {}) {
    this.#run = new BatchRun(client, inputs, options);
  }

  [Symbol.asyncIterator](): AsyncGenerator<BatchItem> {
    return this.#run.items();
  }

  // biome-ignore lint/suspicious/noThenProperty: a batch is awaitable by design
  then<T = BatchSummary, E = never>(
    onfulfilled?: ((summary: BatchSummary) => T | PromiseLike<T>) | null,
    onrejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<T | E> {
    this.#summary ??= this.#drain();
    return this.#summary.then(onfulfilled, onrejected);
  }

  async #drain(): Promise<BatchSummary> {
    const summary = { done: 0, failed: 0, skipped: 0 };
    for await (const { status } of this) summary[status]++;
    return summary;
  }
}
