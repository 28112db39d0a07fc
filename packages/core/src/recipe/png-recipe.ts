import { readFile } from "node:fs/promises";
import { NotFoundError } from "../errors/not-found-error.ts";
import { RecipeError } from "../errors/recipe-error.ts";
import { readPngText, writePngText } from "../png/chunks.ts";
import { parseRequest } from "../request/parse-request.ts";
import { formatParameters, parseParameters } from "./a1111-parameters.ts";
import { parseRecipe, type Recipe } from "./recipe.ts";
import { stableJson } from "./stable-json.ts";

const keyword = "latentkit";

/** A copy of a PNG that carries the recipe, and A1111's `parameters` text for other tools. */
export function embedRecipe(png: Uint8Array, recipe: Recipe): Uint8Array {
  return writePngText(png, { parameters: formatParameters(recipe), [keyword]: stableJson(recipe) });
}

/**
 * The recipe inside a PNG (its path or its bytes). A file by A1111 gives what its `parameters` text says, with backend
 * `"a1111"`.
 *
 * @throws RecipeError when there is none, NotFoundError when there is no such file, ImageError when it is no PNG.
 */
export async function readRecipe(png: string | URL | Uint8Array): Promise<Recipe> {
  const texts = readPngText(png instanceof Uint8Array ? png : await readBytes(png));
  const own = texts.get(keyword);
  if (own !== undefined) return parseRecipe(own);
  const input = parseParameters(texts.get("parameters") ?? "");
  if (input === undefined)
    throw new RecipeError("This PNG holds no recipe: it has neither a latentkit nor a parameters text.");
  return { latentkit: "recipe", version: 1, backend: "a1111", request: parseRequest(input), versions: {} };
}

async function readBytes(path: string | URL): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new NotFoundError(`The file cannot be read: ${path}`, { cause, details: { file: String(path) } });
  }
}
