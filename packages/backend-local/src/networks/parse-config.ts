import { z } from "zod";
import { modelError } from "../files/model-error.ts";
import { quote } from "../files/quote.ts";

/** A size in a configuration: channels, features, positions. The largest published ones have about a tenth of the bound. */
export const size = z.int().positive().max(65_536);

/** How many entries a vocabulary or table has. */
export const rows = z.int().positive().max(1_048_576);

/** How many layers of one kind follow each other: each is written into the graph. */
export const depth = z.int().positive().max(256);

/** How many layers a block has. */
export const layers = z.int().positive().max(64);

/** Most blocks of a network, which are its resolutions. */
export const maxBlocks = 16;

/** An option of which only one value is supported: the usual one, which is also what leaving it out means. */
export function only<const T extends string | boolean | null>(value: T) {
  return z
    .literal(value)
    .nullish()
    .transform((): T => value);
}

/**
 * Checks a network's `config.json` against `schema`. A value that the schema does not admit is one that these graphs do
 * not support: refused, as going on without it would give a wrong image.
 *
 * @throws {@link ModelError} naming the option, its value and what is supported.
 */
export function parseConfig<Schema extends z.ZodType>(
  schema: Schema,
  config: unknown,
  network: string,
): z.output<Schema> {
  const result = schema.safeParse(config);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const option = issue.path.join(".");
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    config,
  );
  const stated = option === "" ? "config.json" : `${option} = ${quote(value)}`;
  throw modelError("unsupported", `${network}: ${stated} is not supported: ${issue.message}`, { option });
}
