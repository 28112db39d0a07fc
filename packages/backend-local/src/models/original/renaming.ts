import { modelError } from "../../files/model-error.ts";
import type { WeightTensor } from "../../files/safetensors.ts";
import { renamedWeights, rowsOf } from "../../files/tensor-views.ts";
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
  readonly #source: Source;
  /** Not moved yet, by their names after the prefix. */
  readonly #left = new Map<string, WeightTensor>();
  readonly #moved = new Map<string, WeightTensor>();

  constructor(source: Source) {
    this.#source = source;
    const { weights, prefix } = source;
    for (const name of weights.names()) {
      if (name.startsWith(prefix)) this.#left.set(name.slice(prefix.length), weights.find(name)!);
    }
  }

  /** Whether a tensor is left whose name begins so. */
  has(start: string): boolean {
    for (const name of this.#left.keys()) if (name.startsWith(start)) return true;
    return false;
  }

  /** How many of a list's modules are left: `layers.0`, `layers.1` … for `layers`. */
  count(list: string): number {
    let count = 0;
    while (this.has(`${list}.${count}.`)) count++;
    return count;
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

  /** Parts a layer that makes several things at once: its weight (and bias) by rows, as many for each of `to`. */
  partRows(from: string, to: readonly string[]): void {
    for (const kind of ["weight", "bias"])
      this.replace(`${from}${kind}`, (stacked) => {
        const rows = (stacked.shape[0] ?? 0) / to.length;
        return Object.fromEntries(to.map((name, i) => [`${name}${kind}`, rowsOf(stacked, i * rows, (i + 1) * rows)]));
      });
  }

  /** Leaves out what no graph needs: every tensor whose name begins so. */
  drop(...starts: readonly string[]): void {
    for (const name of [...this.#left.keys()]) {
      if (starts.some((start) => name.startsWith(start))) this.#left.delete(name);
    }
  }

  /** @throws ModelError where a tensor is left. */
  finish(network: string): Weights {
    const { weights, prefix } = this.#source;
    const [left] = this.#left.keys();
    if (left !== undefined) {
      const [file, tensor] = [weights.source, `${prefix}${left}`];
      throw modelError("unsupported", `${file}: ${tensor} is no part of a ${network} as it is known here`, {
        file,
        tensor,
      });
    }
    return renamedWeights(weights.source, this.#moved);
  }
}

/** A network under the names that it has, without its prefix. */
export function sameNames({ weights, prefix }: Source): Weights {
  if (prefix === "") return weights;
  const own = [...weights.names()].filter((name) => name.startsWith(prefix));
  const tensors = own.map((name) => [name.slice(prefix.length), weights.find(name)!] as const);
  return renamedWeights(weights.source, new Map(tensors));
}

/** Replaces a name's beginning by the first of `pairs` that fits. */
export function renameStart(pairs: readonly (readonly [from: string, to: string])[]): (name: string) => string {
  return (name) => {
    const pair = pairs.find(([from]) => name.startsWith(from));
    return pair === undefined ? name : pair[1] + name.slice(pair[0].length);
  };
}
