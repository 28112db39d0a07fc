import { ADDRESSES_AT, type BlendKernels, GRAIN, MOST_TERMS, WEIGHTS_AT } from "./blend-kernels.ts";
import { type WebAssemblyModule, webAssembly } from "./web-assembly.ts";

/** Values that pass through the kernels at a time where an array lies outside: a few arrays of it stay in the first-level cache. */
export const CHUNK = 4096;

const PAGE = 65536;
const STAGES = MOST_TERMS + 1;
const STAGES_AT = ADDRESSES_AT + 4 * MOST_TERMS;
const SLOTS_AT = STAGES_AT + 4 * CHUNK * STAGES;
/** Latents that a run may have here at once, more than any sampler has; those beyond lie outside. A slot unused is never touched. */
const SLOTS = 14;

/**
 * A WebAssembly memory with the kernels over it: first what a call is told, then stages for arrays that lie outside, then room for the
 * latents of one run.
 */
export class Workspace {
  readonly kernels: BlendKernels;
  readonly buffer: ArrayBuffer;
  readonly weights: Float32Array;
  readonly addresses: Int32Array;
  /** One of {@link CHUNK} values for each term, and one for the result. */
  readonly stages: readonly Float32Array[];
  readonly #room: number;
  #length = 0;
  #input = new Float32Array(0);
  #taken = 0;

  /** With room for latents of `length` values; 0 for none. */
  constructor(module: WebAssemblyModule, length: number) {
    this.#room = Math.ceil((4 * length) / GRAIN) * GRAIN;
    const pages = Math.ceil((SLOTS_AT + SLOTS * this.#room) / PAGE);
    const { Memory, Instance } = webAssembly();
    const memory = new Memory({ initial: pages, maximum: pages });
    const { exports } = new Instance(module, { kernels: { memory } });
    const blend = Array.from({ length: MOST_TERMS }, (_, k) => exports[`blend${k + 1}`]);
    this.kernels = { ...exports, blend } as unknown as BlendKernels;
    this.buffer = memory.buffer;
    this.weights = new Float32Array(this.buffer, WEIGHTS_AT, MOST_TERMS);
    this.addresses = new Int32Array(this.buffer, ADDRESSES_AT, MOST_TERMS);
    this.stages = Array.from(
      { length: STAGES },
      (_, k) => new Float32Array(this.buffer, STAGES_AT + 4 * CHUNK * k, CHUNK),
    );
  }

  /** Begins a run of latents of `length` values: all the room is free again. False where it is too small. */
  begin(length: number): boolean {
    this.#length = length;
    this.#taken = 0;
    return 4 * length <= this.#room;
  }

  /** Room for one more latent, with the values it happens to have; nothing where none is left. */
  latent(): Float32Array | undefined {
    if (this.#taken === SLOTS) return undefined;
    return new Float32Array(this.buffer, SLOTS_AT + this.#room * this.#taken++, this.#length);
  }

  /** An array outside for a network's input: a run's own, until the next run has it. */
  input(): Float32Array<ArrayBuffer> {
    if (this.#input.length !== this.#length) this.#input = new Float32Array(this.#length);
    return this.#input;
  }

  /** Whether the array is one of the latents, whole: then kernels work on it where it is, in whole {@link GRAIN}s. */
  holds(array: Float32Array): boolean {
    return (
      array.buffer === this.buffer && array.length === this.#length && (array.byteOffset - SLOTS_AT) % this.#room === 0
    );
  }
}
