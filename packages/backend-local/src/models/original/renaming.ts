import { modelError } from "../../files/model-error.ts";
import type { WeightTensor } from "../../files/safetensors.ts";
import { renamedWeights } from "../../files/tensor-views.ts";
import type { Weights } from "../../files/weights.ts";

/** Where a file keeps one network: its tensors under a prefix, which none may be. */
export interface Source {
  readonly weights: Weights;
  readonly prefix: string;
}

/**
 * The tensors of one network on their way from a file's names to those that our graphs ask for. What no rule has moved in the
 * end is something that the graph would pass over, and so is an error.
 */
export class Renaming {
  readonly #weights: Weights;
  readonly #prefix: string;
  readonly #left: Map<string, WeightTensor>;
  readonly #all: ReadonlyMap<string, WeightTensor>;
  readonly #moved = new Map<string, WeightTensor>();

  constructor({ weights, prefix }: Source) {
    this.#weights = weights;
    this.#prefix = prefix;
    this.#all = new Map(
      [...weights.names()]
        .filter((name) => name.startsWith(prefix))
        .map((name) => [name.slice(prefix.length), weights.find(name)!]),
    );
    this.#left = new Map(this.#all);
  }

  /** The tensor that the file calls so, after the prefix. */
  find(name: string): WeightTensor | undefined {
    return this.#all.get(name);
  }

  /** Its shape; none where there is no such tensor. */
  shape(name: string): readonly number[] {
    return this.#all.get(name)?.shape ?? [];
  }

  /** Whether the file has a tensor whose name begins so. */
  has(start: string): boolean {
    for (const name of this.#all.keys()) if (name.startsWith(start)) return true;
    return false;
  }

  /** How many of a list's modules the file has: `layers.0`, `layers.1` … for `layers`. */
  count(list: string): number {
    let count = 0;
    while (this.has(`${list}.${count}.`)) count++;
    return count;
  }

  /** The second modules of a list's blocks, where attention is: `input_blocks.4.1`. */
  blocks(list: string): string[] {
    return Array.from({ length: this.count(list) }, (_, i) => `${list}.${i}.1`);
  }

  /** Moves every tensor under `from` to `to`; `rename` is given what follows. */
  move(from: string, to: string, rename: (rest: string) => string = (rest) => rest): void {
    for (const [name, tensor] of [...this.#left]) {
      if (!name.startsWith(from)) continue;
      this.#left.delete(name);
      this.#moved.set(`${to}${rename(name.slice(from.length))}`, tensor);
    }
  }

  /** Puts tensors that were made of `name`, under the names of our graphs. */
  replace(name: string, make: (tensor: WeightTensor) => Readonly<Record<string, WeightTensor>>): void {
    const tensor = this.#left.get(name);
    if (tensor === undefined) return;
    this.#left.delete(name);
    for (const [own, made] of Object.entries(make(tensor))) this.#moved.set(own, made);
  }

  /** Leaves out what no graph needs: every tensor whose name begins so. */
  drop(...starts: readonly string[]): void {
    for (const name of [...this.#left.keys()])
      if (starts.some((start) => name.startsWith(start))) this.#left.delete(name);
  }

  /** @throws ModelError where a tensor is left. */
  finish(network: string): Weights {
    const [left] = this.#left.keys();
    if (left !== undefined) {
      throw this.unsupported(left, `is no part of a ${network} as it is known here`);
    }
    return renamedWeights(this.#weights.source, this.#moved);
  }

  /** An error about the tensor that the file calls so. */
  unsupported(name: string, message: string) {
    const { source: file } = this.#weights;
    const tensor = `${this.#prefix}${name}`;
    return modelError("unsupported", `${file}: ${tensor} ${message}`, { file, tensor });
  }
}

/** Replaces a name's beginning by the first of `pairs` that fits. */
export function renameStart(pairs: readonly (readonly [from: string, to: string])[]): (name: string) => string {
  return (name) => {
    const pair = pairs.find(([from]) => name.startsWith(from));
    return pair === undefined ? name : pair[1] + name.slice(pair[0].length);
  };
}
