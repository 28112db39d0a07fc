import type { Weights } from "./weights.ts";

/** What tensors a network has, as its names tell: which modules, how many of a kind, of what shapes. */
export class TensorNames {
  readonly #weights: Weights;
  readonly #modules = new Set<string>();

  constructor(weights: Weights) {
    this.#weights = weights;
    for (const name of weights.names()) {
      for (let end = name.indexOf("."); end >= 0; end = name.indexOf(".", end + 1))
        this.#modules.add(name.slice(0, end));
    }
  }

  /** Whether any tensor lies in the module of that path, such as `"mid_block.attentions.0"`. */
  has(module: string): boolean {
    return this.#modules.has(module);
  }

  /** How many of a list's modules there are: `layers.0`, `layers.1` … for `layers`. */
  count(list: string): number {
    let count = 0;
    while (this.has(`${list}.${count}`)) count++;
    return count;
  }

  /** A tensor's shape; none where there is no such tensor. */
  shape(name: string): readonly number[] {
    return this.#weights.find(name)?.shape ?? [];
  }
}
