import type { Weights } from "../files/weights.ts";

/** What stands before a text model's own names in some files. */
const starts = /^(text_model|model\.language_model|language_model\.model|language_model|model)\./;
/** Tables that are saved once or twice, as it comes. */
const tables = /(^|\.)(shared|embed_tokens|lm_head|position_ids|pos_embed)(\.|$)/;

/**
 * Whether weights are of a network of the same sizes as others: all tensors that both have are of one shape, and what a file lacks are whole
 * modules, such as the half of a VAE or what sees pictures.
 */
export function isSameNetwork(file: Weights, other: Weights): boolean {
  const [own, theirs] = [shapesOf(file), shapesOf(other)];
  const modules = new Set([...own.keys()].map(moduleOf));
  let common = 0;
  for (const [name, shape] of theirs) {
    const found = own.get(name);
    if (found === undefined && !tables.test(name) && modules.has(moduleOf(name))) return false;
    if (found !== undefined && found !== shape) return false;
    if (found !== undefined) common++;
  }
  const more = [...own.keys()].filter((name) => !theirs.has(name) && !tables.test(name));
  return common > 0 && more.length === 0;
}

function shapesOf(weights: Weights): Map<string, string> {
  return new Map([...weights.names()].map((name) => [name.replace(starts, ""), weights.find(name)!.shape.join()]));
}

function moduleOf(name: string): string {
  return name.split(".", 1)[0]!;
}
