import type { EncodedText } from "../families/shared/encode-texts.ts";

/** Numbers that are kept: a hundred prompts of Stable Diffusion XL, 64 MB. */
const maxNumbers = 16 * 1024 * 1024;
/** So many are kept up to four times as long, 256 MB: those of two requests with negative prompts. One of FLUX.2 klein 9B is a third of all, a long one of Krea 2 all. */
const [least, maxOfLeast] = [4, 4 * maxNumbers];

/** Encoded texts of a model, by the hash of what its encoder was given; the longest unused ones go first. */
export class TextCache {
  readonly #texts = new Map<string, readonly EncodedText[]>();
  #numbers = 0;

  /** Those of a key; made where there are none. What fails is not kept. */
  async get(key: string, make: () => Promise<EncodedText[]>): Promise<EncodedText[]> {
    const found = this.#texts.get(key);
    this.#texts.delete(key);
    const texts = found ?? (await make());
    this.#texts.set(key, texts);
    if (found === undefined) this.#numbers += sizeOf(texts);
    for (const [other, each] of this.#texts) {
      if (this.#numbers <= (this.#texts.size > least ? maxNumbers : maxOfLeast) || other === key) break;
      this.#texts.delete(other);
      this.#numbers -= sizeOf(each);
    }
    return [...texts];
  }
}

function sizeOf(texts: readonly EncodedText[]): number {
  return texts.reduce((sum, { states, pooled }) => sum + states.length + pooled.length, 0);
}
