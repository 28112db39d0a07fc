import type { Backend } from "../backend.ts";
import { ConfigError } from "../errors/config-error.ts";
import type { Issue } from "../errors/issue.ts";
import { RecipeError } from "../errors/recipe-error.ts";
import type { GenerationRequest } from "../request/request.ts";
import { isOwn } from "./own-recipes.ts";
import { parseRecipe, type Recipe } from "./recipe.ts";
import { maxRecipeCount, type RecipeTouch, recipeTouches } from "./recipe-touches.ts";

/**
 * What a recipe from outside may reach. True is everything: only for recipes that are your own. Absent or false: nothing but its words,
 * numbers and embedded bytes.
 */
export type RecipeTrust =
  | boolean
  | {
      /** Read the files of this machine that it names; or these paths alone. */
      paths?: boolean | readonly string[] | undefined;
      /** Fetch the URLs that it names, within the client's `inputs`; or these alone. */
      urls?: boolean | readonly string[] | undefined;
      /** Use the models, LoRAs and their like that it names; or these alone. */
      models?: boolean | readonly string[] | undefined;
      /** Pass on its `backendOptions`, webhooks among them. */
      backendOptions?: boolean | undefined;
      /** Make so many pictures; four at most where absent. */
      count?: number | undefined;
    };

const keyOf = {
  path: "paths",
  url: "urls",
  model: "models",
  backendOptions: "backendOptions",
  count: "count",
} as const;

/** @throws ConfigError for a trust that is none: a misspelt one must not pass for a smaller one. */
export function checkTrust(trust: RecipeTrust | undefined): void {
  if (trust === undefined || typeof trust === "boolean") return;
  const known: string[] = Object.values(keyOf);
  const unknown =
    typeof trust === "object" && trust !== null ? Object.keys(trust).find((key) => !known.includes(key)) : "";
  if (unknown !== undefined)
    throw new ConfigError(
      `trust${unknown && `.${unknown}`}: must be true, false, or an object with ${known.join(", ")}`,
    );
}

/**
 * What of a recipe's reach is not covered: by trust, by having been made in this process, by being the backend's own default model, or by
 * the backend's models being a server's names.
 */
export async function untrustedTouches(
  recipe: Recipe,
  backend: Pick<Backend, "capabilities" | "modelsAreNames">,
  trust: RecipeTrust = false,
  { signal, request = parseRecipe(recipe).request }: { signal?: AbortSignal; request?: GenerationRequest } = {},
): Promise<RecipeTouch[]> {
  if (trust === true) return [];
  const left = recipeTouches(request).filter(
    (touch) =>
      !isOwn(recipe, touch) &&
      !(touch.kind === "model" && backend.modelsAreNames === true) &&
      !isTrusted(touch, trust, request.count),
  );
  const model = left.find(({ field }) => field === "model");
  if (model === undefined) return left;
  const known = await backend.capabilities(undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  return known?.model?.id === request.model ? left.filter((touch) => touch !== model) : left;
}

function isTrusted({ kind, value }: RecipeTouch, trust: Exclude<RecipeTrust, true>, count: number): boolean {
  if (trust === false) return false;
  if (kind === "count") return trust.count !== undefined && count <= trust.count;
  const given = trust[keyOf[kind]];
  return given === true || (Array.isArray(given) && given.includes(value));
}

/** The error that says what a recipe may not reach. It tells what the recipe says, and nothing of what is there. */
export function untrustedError(touches: readonly RecipeTouch[]): RecipeError {
  const issues = touches
    .slice(0, 20)
    .map(({ kind, field, value }): Issue => ({ field, message: messages[kind](value, field) }));
  return new RecipeError(
    `This recipe comes from outside and may not reach beyond its own words: ${issues.map(({ field, message }) => `${field}: ${message}`).join("; ")}.`,
    { details: { issues } },
  );
}

const messages: Readonly<Record<RecipeTouch["kind"], (value: string, field: string) => string>> = {
  path: (value, field) =>
    `names a file of this machine (${value}): give it by inputs: { ${JSON.stringify(field)}: … }, or allow it by trust: { paths: true }`,
  url: (value, field) =>
    `names an address (${value}): give the file by inputs: { ${JSON.stringify(field)}: … }, or allow it by trust: { urls: true }`,
  model: (value) => `names a model (${value}): allow it by trust: { models: [${JSON.stringify(value)}] }`,
  backendOptions: (value) => `are set (${value}): allow them by trust: { backendOptions: true }`,
  count: (value) => `is ${value}; at most ${maxRecipeCount} are made: allow more by trust: { count: ${value} }`,
};
