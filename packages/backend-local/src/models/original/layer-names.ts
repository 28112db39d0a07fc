import { type Renaming, renameStart } from "./renaming.ts";

type Pairs = readonly (readonly [original: string, diffusers: string])[];

/** What a transformer's layers are called by its authors and by diffusers, where the two differ in names alone. */
export interface LayerNames {
  /** Layers outside blocks. */
  readonly alone: Pairs;
  /** Lists of blocks. */
  readonly lists: Pairs;
  /** Layers in a block. */
  readonly inner: Pairs;
}

/** Moves all tensors of these layers. The weight of a norm is called its scale by their authors. */
export function moveLayers(names: Renaming, { alone, lists, inner }: LayerNames): void {
  const asWeight = (name: string) => name.replace(/(^|\.)scale$/, "$1weight");
  const within = (pairs: Pairs) => renameStart(pairs.map(([from, to]) => [`${from}.`, `${to}.`]));
  const innerName = within(inner);
  for (const [from, to] of alone) names.move(`${from}.`, `${to}.`, asWeight);
  for (const [from, to] of lists)
    for (let i = 0, count = names.count(from); i < count; i++)
      names.move(`${from}.${i}.`, `${to}.${i}.`, (rest) => asWeight(innerName(rest)));
}

/** The names of diffusers' layers, as patterns, with what stands for each in their authors' naming. */
export function layerPatterns({ alone, lists, inner }: LayerNames): readonly (readonly [RegExp, string])[] {
  const quoted = (name: string) => name.replaceAll(".", "\\.");
  const one = alone.map(([from, to]) => [new RegExp(`^${quoted(to)}$`), from] as const);
  const listed = lists.flatMap(([from, to]) =>
    inner.map(
      ([own, theirs]) => [new RegExp(`^${quoted(to)}\\.(\\d+)\\.${quoted(theirs)}$`), `${from}.$1.${own}`] as const,
    ),
  );
  return [...one, ...listed];
}
