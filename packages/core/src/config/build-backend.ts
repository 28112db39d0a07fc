import type { Backend } from "../backend.ts";
import { type Prices, withPrices } from "../compose/with-prices.ts";
import { ConfigError } from "../errors/config-error.ts";
import { nearest } from "../request/nearest.ts";
import { type CompositionConfig, composed, compositionSchemas, isComposition, namesIn } from "./composition-config.ts";

/** Makes a backend of a package. */
export type MakeBackend = (id: string, options: Record<string, unknown>) => Promise<Backend>;

/**
 * Makes the backend of a name in the configuration's `backends`: a package's, whose id is `use` or the name itself, or a composition of
 * others, each made once however often it is named.
 *
 * @throws ConfigError naming the entry: of an unknown composition's field, of a circle, or of a package that is not there.
 */
export async function buildBackend(
  name: string,
  backends: Readonly<Record<string, Record<string, unknown>>>,
  make: MakeBackend,
): Promise<Backend> {
  const made = new Map<string, Backend>();

  async function build(entry: string, path: readonly string[]): Promise<Backend> {
    const known = made.get(entry);
    if (known !== undefined) return known;
    if (path.includes(entry))
      throw new ConfigError(`backends: ${[...path, entry].join(" is made of ")}, which is a circle`);
    const isOwn = Object.hasOwn(backends, entry);
    const { use = entry, ...options } = isOwn ? backends[entry]! : {};
    const isComposed = isOwn && isComposition(use) && "of" in options;
    const backend = isComposed
      ? await compose(entry, { use, ...options }, [...path, entry])
      : await single(entry, checkedUse(entry, use, isOwn), options);
    made.set(entry, backend);
    return backend;
  }

  /** A backend of a package; what its pictures cost is known here, and no option of its own. */
  async function single(entry: string, use: string, { usdPerImage, ...options }: Record<string, unknown>) {
    const backend = await make(use, options);
    if (usdPerImage === undefined) return backend;
    try {
      return withPrices(backend, usdPerImage as Prices);
    } catch (error) {
      made.set(entry, backend);
      throw new ConfigError(`backends.${entry}.${(error as Error).message}`, { cause: error });
    }
  }

  async function compose(entry: string, options: { use: keyof typeof compositionSchemas }, path: readonly string[]) {
    const parsed = compositionSchemas[options.use].safeParse(options);
    if (!parsed.success)
      throw new ConfigError(wrongFields(entry, options.use, parsed.error.issues), { cause: parsed.error });
    const config = parsed.data as CompositionConfig;
    // One after the other: what the first makes, a later one that names it too shares.
    for (const part of namesIn(config)) await build(part, path);
    return composed(entry, config, made);
  }

  try {
    return await build(name, []);
  } catch (error) {
    await Promise.allSettled([...made.values()].map((backend) => backend.dispose()));
    throw error;
  }
}

function checkedUse(entry: string, use: unknown, isOwn: boolean): string {
  if (typeof use !== "string" || use === "")
    throw new ConfigError(`backends.${entry}.use: must be a backend's id or a composition`);
  if (isOwn && isComposition(use))
    throw new ConfigError(
      `backends.${entry}.of: is missing: "${use}" is a composition of other backends, by their names`,
    );
  return use;
}

function wrongFields(
  entry: string,
  use: keyof typeof compositionSchemas,
  issues: readonly { code?: string; path: readonly PropertyKey[]; message: string; keys?: string[] }[],
): string {
  const fields = Object.keys(compositionSchemas[use].shape);
  const told = issues.flatMap(({ path, message, keys }) => {
    if (keys === undefined) return [`backends.${[entry, ...path].join(".")}: ${message}`];
    return keys.map((key) => {
      const [near] = nearest(key, fields);
      return `backends.${entry}.${key}: is no field of "${use}"${near === undefined ? "" : `; did you mean ${near}?`}`;
    });
  });
  return told.join("; ");
}
