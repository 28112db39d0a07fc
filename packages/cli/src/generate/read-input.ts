import { readFile } from "node:fs/promises";
import { type GenerationInput, parseRecipe, type Recipe, readRecipe } from "@latentkit/core";
import { UsageError } from "../report-error.ts";
import { flagsToFields, type GenerateFlags } from "./flags.ts";

/** What to generate. */
export interface Input {
  input: GenerationInput | Recipe;
  /** The backend that made the recipe. */
  backend?: string;
  model?: string | undefined;
}

/**
 * The request that the flags make, over the recipe's where `--recipe` names one.
 *
 * @throws UsageError, RecipeError or NotFoundError when the recipe cannot be read.
 */
export async function readInput(flags: GenerateFlags): Promise<Input> {
  const fields = flagsToFields(flags);
  if (flags.recipe === undefined) return { input: fields as GenerationInput, model: flags.model };
  const recipe = await recipeFrom(flags.recipe);
  // A flag sets single fields of these: the recipe's others stay.
  const merged = (["guidance", "noise", "output"] as const)
    .filter((field) => fields[field] !== undefined)
    .map((field) => [field, { ...recipe.request[field], ...fields[field] }]);
  const request = { ...recipe.request, ...fields, ...Object.fromEntries(merged) };
  const input = Object.keys(fields).length === 0 ? recipe : { ...recipe, request };
  return { input: input as Recipe, backend: recipe.backend, model: input.request.model };
}

async function recipeFrom(path: string): Promise<Recipe> {
  if (!path.toLowerCase().endsWith(".json")) return readRecipe(path);
  const text = await readFile(path, "utf8").catch(() => {
    throw new UsageError(`--recipe: the file cannot be read: ${path}`);
  });
  return parseRecipe(recipeIn(text) ?? text);
}

/** The recipe inside what `--json` printed. */
function recipeIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { recipe?: unknown }).recipe;
  } catch {
    return undefined;
  }
}
