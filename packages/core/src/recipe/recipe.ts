import * as z from "zod";
import { RecipeError } from "../errors/recipe-error.ts";
import type { DeviceUse, ModelIdentity } from "../events.ts";
import { parseRequest } from "../request/parse-request.ts";
import type { GenerationRequest } from "../request/request.ts";
import { jsonFault } from "./json-bounds.ts";
import type { RecipeNote } from "./recipe-note.ts";

/** Everything that decided the pixels: given to `client.generate`, it makes them again on the same backend. */
export interface Recipe {
  /** Marks a recipe. */
  latentkit: "recipe";
  /** Version of this format. */
  version: 1;
  /** Id of the backend that made the picture. */
  backend: string;
  /** The request with every setting resolved. */
  request: GenerationRequest;
  /** The model that made the picture. */
  model?: ModelIdentity;
  /** Versions of what bears on the pixels. */
  versions: Record<string, string>;
  /** What computed the picture, where the backend knows. */
  device?: DeviceUse;
  /** Of a recipe read from another program's file: what stood there and is not in the request. A job says each as a warning. */
  notes?: RecipeNote[];
  /**
   * The picture's size where the backend decided it and only the picture told: it stands in `request` as well, and is not asked for when
   * the recipe is run on the same backend.
   */
  observed?: { width?: number | undefined; height?: number | undefined } | undefined;
}

const RecipeSchema = z.object({
  latentkit: z.literal("recipe"),
  version: z.literal(1, { error: "is of a version that this LatentKit does not know; update @latentkit/core" }),
  backend: z.string(),
  request: z.record(z.string(), z.unknown()),
  model: z.object({ id: z.string(), hash: z.string().optional() }).optional(),
  versions: z.record(z.string(), z.string()).default({}),
  device: z.object({ name: z.string(), precision: z.string().optional(), reason: z.string().optional() }).optional(),
  notes: z
    .array(z.object({ field: z.string(), value: z.string().optional(), message: z.string() }))
    .max(1000)
    .optional(),
  observed: z.object({ width: z.number().optional(), height: z.number().optional() }).optional(),
});

/** Whether a value is meant as a recipe, valid or not. */
export function isRecipe(value: unknown): value is Recipe {
  return typeof value === "object" && value !== null && (value as { latentkit?: unknown }).latentkit === "recipe";
}

/**
 * Validates a recipe, from an object or JSON text.
 *
 * @throws RecipeError when it is no recipe, InvalidRequestError when its request is wrong.
 */
export function parseRecipe(input: unknown, options: { maxPromptLength?: number | undefined } = {}): Recipe {
  const parsed = RecipeSchema.safeParse(typeof input === "string" ? parseJson(input) : input);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new RecipeError(`Not a LatentKit recipe: ${issue?.path.join(".")} ${issue?.message}.`, {
      cause: parsed.error,
    });
  }
  return { ...parsed.data, request: parseRequest(parsed.data.request, options) } as Recipe;
}

function parseJson(text: string): unknown {
  const fault = jsonFault(text);
  if (fault !== undefined) throw new RecipeError(`Not a LatentKit recipe: ${fault}.`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RecipeError("Not a LatentKit recipe: it is not JSON.", { cause });
  }
}
