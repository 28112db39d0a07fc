import { fileURLToPath } from "node:url";
import { LatentKitError } from "../errors/latentkit-error.ts";
import { NotFoundError } from "../errors/not-found-error.ts";
import { RecipeError } from "../errors/recipe-error.ts";
import { isPng, writePngText } from "../png/chunks.ts";
import { formatParameters } from "./a1111-parameters.ts";
import { isJpegOrWebp, readFileTexts } from "./file-texts.ts";
import { foreignRecipe } from "./foreign/foreign-recipe.ts";
import { parseJsonObject } from "./foreign/json-settings.ts";
import { readRecipeFile } from "./read-recipe-file.ts";
import { isRecipe, parseRecipe, type Recipe } from "./recipe.ts";
import { stableJson } from "./stable-json.ts";

const keyword = "latentkit";
/** Endings of the texts that programs write beside a picture. */
const sidecars = [".txt", ".json"];
/** A text beside a picture of more bytes than this is none. */
const maxTextBytes = 16 * 2 ** 20;
/** As large as an input picture may be. */
const maxFileBytes = 256 * 2 ** 20;

/** A copy of a PNG that carries the recipe, and A1111's `parameters` text for other tools. */
export function embedRecipe(png: Uint8Array, recipe: Recipe): Uint8Array {
  return writePngText(png, { parameters: formatParameters(recipe), [keyword]: stableJson(recipe) });
}

/**
 * The recipe of a picture, by its path or its bytes: LatentKit's own, or what A1111, Forge, SD.Next, Fooocus, InvokeAI, sd.cpp or ComfyUI
 * wrote, with the program as `backend` and in `notes` what the recipe does not hold. It is read from a PNG's text chunks, from EXIF or
 * XMP of a JPEG or WebP, from a text file or JSON, and, where a picture at a path has none, from a `.txt` or `.json` of its name beside it.
 *
 * @throws RecipeError when there is none, one that cannot be told as a request, or a file of more than 256 MiB; NotFoundError when there is no such file; ImageError
 * when a picture cannot be read.
 */
export async function readRecipe(file: string | URL | Uint8Array): Promise<Recipe> {
  if (file instanceof Uint8Array) return (await recipeOf(file)) ?? none();
  const bytes = await readBytes(file);
  return (await recipeOf(bytes)) ?? (await besideOf(file)) ?? none();
}

/** Whatever a file holds, its reader has a typed error for it. */
async function recipeOf(bytes: Uint8Array): Promise<Recipe | undefined> {
  try {
    return await recipeIn(bytes);
  } catch (cause) {
    if (LatentKitError.isInstance(cause)) throw cause;
    throw new RecipeError("The settings in this file cannot be read.", { cause });
  }
}

async function recipeIn(bytes: Uint8Array): Promise<Recipe | undefined> {
  if (!isPng(bytes) && !isJpegOrWebp(bytes)) return textRecipe(bytes);
  const texts = await readFileTexts(bytes);
  const own = texts.get(keyword);
  return own === undefined ? foreignRecipe(texts) : parseRecipe(own);
}

/** A text as some program writes it beside its pictures, or a recipe in JSON, bare or in what `latentkit generate --json` prints. */
function textRecipe(bytes: Uint8Array): Recipe | undefined {
  if (bytes.length > maxTextBytes || bytes.includes(0)) return undefined;
  const text = Buffer.from(bytes)
    .toString("utf8")
    .replace(/^\uFEFF/, "");
  const object = parseJsonObject(text);
  for (const candidate of [object, object?.recipe]) if (isRecipe(candidate)) return parseRecipe(candidate);
  return foreignRecipe(new Map([["", text]]));
}

async function besideOf(file: string | URL): Promise<Recipe | undefined> {
  const path = file instanceof URL ? fileURLToPath(file) : file;
  const stem = path.replace(/\.[^./\\]+$/, "");
  for (const ending of sidecars) {
    const bytes =
      `${stem}${ending}` === path
        ? undefined
        : await readRecipeFile(`${stem}${ending}`, maxTextBytes).catch(() => undefined);
    const recipe = bytes === undefined ? undefined : textRecipe(bytes);
    if (recipe !== undefined) return recipe;
  }
  return undefined;
}

function none(): never {
  const words = "a latentkit or parameters text, ComfyUI's, InvokeAI's or Fooocus' settings, or a text beside it";
  throw new RecipeError(`This file holds no recipe: it has none of ${words}.`);
}

async function readBytes(path: string | URL): Promise<Uint8Array> {
  try {
    return await readRecipeFile(path, maxFileBytes);
  } catch (cause) {
    if (RecipeError.isInstance(cause)) throw cause;
    throw new NotFoundError(`The file cannot be read: ${path}`, { cause, details: { file: String(path) } });
  }
}
