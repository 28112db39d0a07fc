import { Batch } from "../batch/batch.ts";
import type { Client, GenerateOptions } from "../client.ts";
import type { Pixels } from "../image/codec.ts";
import type { GeneratedImage } from "../image/generated-image.ts";
import type { GenerationInput } from "../request/input-types.ts";
import { type Axis, axesOf, type Combination, combinationsOf } from "./axes.ts";
import { contactSheet, type SheetOptions } from "./contact-sheet.ts";
import { sheetHtml } from "./sheet-html.ts";

type KeysOf<U> = U extends unknown ? keyof U : never;
type ValueOf<U, K extends PropertyKey> = U extends { [P in K]?: infer V } ? Exclude<V, undefined> : never;

/**
 * A request in which any field may be a list of values to try; a field that is a list itself, a list of lists. A dot reaches into a field:
 * `"guidance.rescale": [0, 0.7]`.
 */
export type SweepInput = {
  [K in KeysOf<GenerationInput> & string]?: ValueOf<GenerationInput, K> | readonly ValueOf<GenerationInput, K>[];
} & { [path: string]: unknown };

/** Settings of a sweep. */
export interface SweepOptions extends GenerateOptions {
  /** Jobs at once. Default 1. */
  concurrency?: number;
  /** Whether a combination that fails, as one that a sampler doesn't take, leaves the others to go on. Default true. */
  keepGoing?: boolean;
}

/** One combination and what came of it. */
export interface SweepCell extends Combination {
  image?: GeneratedImage;
  error?: unknown;
}

/** A sweep's pictures, in the order of its combinations: the first axis runs fastest. */
export interface SweepResult {
  axes: readonly Axis[];
  cells: readonly SweepCell[];
  /** A sheet of all pictures with their values: the first axis across, the others down. */
  contactSheet(options?: SheetOptions): Promise<Pixels>;
  /** The same as a page, with each picture's recipe behind it; `src` gives a picture's address, by default its bytes. */
  html(src?: (cell: SweepCell, index: number) => string | Promise<string>): Promise<string>;
}

/** Every combination of the values of a request's fields. It begins when it is iterated or awaited. */
export class Sweep implements AsyncIterable<SweepCell>, PromiseLike<SweepResult> {
  readonly axes: readonly Axis[];
  readonly combinations: readonly Combination[];
  readonly #client: Client;
  readonly #options: SweepOptions;
  #result: Promise<SweepResult> | undefined;

  /** @throws InvalidRequestError when no field varies. */
  constructor(client: Client, input: SweepInput, options: SweepOptions = {}) {
    this.axes = axesOf(input);
    this.combinations = combinationsOf(input, this.axes);
    this.#client = client;
    this.#options = options;
  }

  /** Cells as they are done. */
  async *[Symbol.asyncIterator](): AsyncGenerator<SweepCell & { index: number }> {
    const requests = this.combinations.map(({ request }) => request);
    const batch = new Batch(this.#client, requests, { keepGoing: true, ...this.#options });
    for await (const { index, images, error } of batch) {
      const [image] = images;
      const made = { ...(image === undefined ? {} : { image }), ...(error === undefined ? {} : { error }) };
      yield { ...this.combinations[index]!, ...made, index };
    }
  }

  // biome-ignore lint/suspicious/noThenProperty: a sweep is awaitable by design
  then<T = SweepResult, E = never>(
    onfulfilled?: ((result: SweepResult) => T | PromiseLike<T>) | null,
    onrejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<T | E> {
    this.#result ??= this.#drain();
    return this.#result.then(onfulfilled, onrejected);
  }

  async #drain(): Promise<SweepResult> {
    const cells: SweepCell[] = [];
    for await (const { index, ...cell } of this) cells[index] = cell;
    return sweepResult(this.axes, cells);
  }
}

/** The result of cells that were gathered one by one. */
export function sweepResult(axes: readonly Axis[], cells: readonly SweepCell[]): SweepResult {
  return {
    axes,
    cells,
    contactSheet: (options) => contactSheet(axes, cells, options),
    html: (src) => sheetHtml(axes, cells, src),
  };
}
