import type { z } from "zod";
import type { Issue } from "../errors/issue.ts";
import { nearest } from "../request/nearest.ts";

/** A schema of an object's keys, as zod has it. */
interface Keys {
  readonly shape: Readonly<Record<string, unknown>>;
}

/**
 * What is wrong with options, by field. A key that is not known is told with the near ones that are, else with all that there are.
 *
 * @param schema the object's schema, in which nested objects are found too.
 */
export function optionIssues(error: z.ZodError, schema: Keys): Issue[] {
  return error.issues.flatMap((issue): Issue[] => {
    const path = issue.path.map(String);
    if (issue.code !== "unrecognized_keys") return [{ field: path.join("."), message: issue.message }];
    const known = keysAt(schema, path);
    return issue.keys.map((key) => ({
      field: [...path, key].join("."),
      message: unknownKey(key, known),
      allowed: known,
    }));
  });
}

/** Those as lines, `field: what is wrong`; `whole` stands for the object itself. */
export function describeOptions(error: z.ZodError, schema: Keys, whole = "options"): string {
  return optionIssues(error, schema)
    .map(({ field, message }) => `${field || whole}: ${message}`)
    .join("; ");
}

/** What to say of a name that is not among those that are known. */
export function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  if (near.length > 0) return `is not known; did you mean ${near.join(" or ")}?`;
  return known.length === 0 ? "is not known: leave it out" : `is not known; there are ${known.join(", ")}`;
}

function keysAt(schema: unknown, path: readonly string[]): string[] {
  const object = unwrapped(schema);
  if (object === undefined) return [];
  const [head, ...rest] = path;
  return head === undefined ? Object.keys(object.shape) : keysAt(object.shape[head], rest);
}

/** An object's schema below `optional()`, `default()` and their like. */
function unwrapped(schema: unknown): Keys | undefined {
  if (typeof schema !== "object" || schema === null) return undefined;
  if ("shape" in schema) return schema as Keys;
  const { def } = schema as { def?: { innerType?: unknown } };
  return def?.innerType === undefined ? undefined : unwrapped(def.innerType);
}
