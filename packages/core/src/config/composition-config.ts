import * as z from "zod";
import type { Backend } from "../backend.ts";
import { diskStore, memoryStore } from "../compose/cache-store.ts";
import { fallback } from "../compose/fallback.ts";
import type { MemberOptions } from "../compose/members.ts";
import { pool } from "../compose/pool.ts";
import { type RouteRules, route } from "../compose/route.ts";
import { withCache } from "../compose/with-cache.ts";
import { type Hooks, withHooks } from "../compose/with-hooks.ts";
import { withLimits } from "../compose/with-limits.ts";
import { withRetry } from "../compose/with-retry.ts";

const name = z.string().min(1).describe("Another entry of `backends`, or a backend's id");
const member = z.union([
  name,
  z
    .strictObject({
      backend: name,
      usdPerImage: z.number().min(0).optional().describe("US dollars for a picture; 0 where nothing is billed"),
      msPerImage: z.number().positive().optional().describe("Milliseconds that a picture usually takes"),
    })
    .describe("A backend, with what is known of it"),
]);
const of = z.array(member).min(1).describe("The backends, in their order");
const around = name.describe("The backend that it is put around");
const hook = z.custom((value) => typeof value === "function", "must be a function").optional();

/** Each composition, as `use` names it in a configuration. */
export const compositionSchemas = {
  fallback: z.strictObject({
    use: z.literal("fallback"),
    of,
    on: z.array(z.string()).optional().describe("Codes of the errors after which the next is asked"),
  }),
  route: z.strictObject({
    use: z.literal("route"),
    of,
    prefer: z
      .union([z.enum(["cheapest", "fastest"]), z.array(z.string())])
      .optional()
      .describe("The cheapest, the fastest, or names in the order of preference"),
    maxUsd: z.number().positive().optional().describe("Most US dollars for a request"),
    maxMs: z.number().positive().optional().describe("Most milliseconds for a request"),
    fallback: z.boolean().optional().describe("Whether the next best is asked where the best fails"),
  }),
  pool: z.strictObject({
    use: z.literal("pool"),
    of,
    concurrency: z.int().min(1).optional().describe("Jobs at once on one backend"),
    restMs: z.number().min(0).optional().describe("How long one that can't be reached is passed over"),
  }),
  cache: z.strictObject({
    use: z.literal("cache"),
    of: around,
    folder: z.string().min(1).optional().describe("Where the pictures are kept; in memory where it is left out"),
    maxBytes: z.number().positive().optional().describe("Of a cache in memory: the oldest go above this"),
  }),
  limits: z.strictObject({
    use: z.literal("limits"),
    of: around,
    concurrency: z.int().min(1).optional().describe("Jobs at once"),
    perMinute: z.int().min(1).optional().describe("Jobs begun in any minute"),
    budgetUsd: z.number().positive().optional().describe("US dollars for all jobs of this process"),
  }),
  retry: z.strictObject({
    use: z.literal("retry"),
    of: around,
    attempts: z.int().min(1).optional().describe("Tries in all; default 3"),
    minMs: z.number().min(0).optional().describe("Wait before the second try; it doubles from there"),
    maxMs: z.number().min(0).optional().describe("Longest wait"),
  }),
  hooks: z.strictObject({ use: z.literal("hooks"), of: around, before: hook, onEvent: hook, after: hook }),
} as const;

/** Names of the compositions. */
export type CompositionName = keyof typeof compositionSchemas;

/** A configured composition. */
export type CompositionConfig = z.output<(typeof compositionSchemas)[CompositionName]>;

/** Whether `use` names a composition. */
export function isComposition(use: unknown): use is CompositionName {
  return typeof use === "string" && Object.hasOwn(compositionSchemas, use);
}

/** The entries that a composition names. */
export function namesIn({ of: named }: CompositionConfig): string[] {
  return (Array.isArray(named) ? named : [named]).map((entry) => (typeof entry === "string" ? entry : entry.backend));
}

/**
 * Makes a composition of backends that are there already.
 *
 * @throws ConfigError when its rules make no sense.
 */
export function composed(id: string, config: CompositionConfig, made: ReadonlyMap<string, Backend>): Backend {
  const { of: _, use: __, ...rules } = defined(config);
  const inner = made.get(namesIn(config)[0]!)!;
  switch (config.use) {
    case "fallback":
      return fallback(members(config.of, made), { id, ...rules });
    case "route":
      return route(members(config.of, made), { id, ...(rules as RouteRules) });
    case "pool":
      return pool(members(config.of, made), { id, ...rules });
    case "cache":
      return withCache(inner, config.folder === undefined ? memoryStore(rules as never) : diskStore(config.folder));
    case "limits":
      return withLimits(inner, rules as never);
    case "retry":
      return withRetry(inner, rules as never);
    case "hooks":
      return withHooks(inner, rules as Hooks);
  }
}

function members(entries: readonly z.output<typeof member>[], made: ReadonlyMap<string, Backend>): MemberOptions[] {
  return entries.map((entry) => {
    const { backend, ...known } = typeof entry === "string" ? { backend: entry } : entry;
    return { name: backend, backend: made.get(backend)!, ...defined(known) } as MemberOptions;
  });
}

function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as never;
}
