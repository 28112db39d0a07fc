import { RecipeError } from "../../errors/recipe-error.ts";
import { parseRequest } from "../../request/parse-request.ts";
import type { Recipe } from "../recipe.ts";
import type { RecipeNote } from "../recipe-note.ts";
import { readComfyGraph } from "./comfy.ts";
import { readFooocus } from "./fooocus.ts";
import { readInvokeAi } from "./invokeai.ts";
import { type ForeignSettings, readParameters } from "./read-parameters.ts";

/** Each format that is read: a text's keyword in a file, and what reads it. Texts without one are tried with all. */
const formats: readonly (readonly [keyword: string, read: (text: string) => ForeignSettings | undefined])[] = [
  ["parameters", readFooocus],
  ["parameters", readParameters],
  ["invokeai_metadata", readInvokeAi],
  ["prompt", readComfyGraph],
];

/** The recipe that another program's texts hold, by their keywords in the file; undefined where they hold none. */
export function foreignRecipe(texts: ReadonlyMap<string, string>): Recipe | undefined {
  for (const [keyword, read] of formats) {
    const text = texts.get(keyword) ?? texts.get("");
    const found = text === undefined ? undefined : read(text);
    if (found !== undefined) return recipeOf(found);
  }
  return undefined;
}

function recipeOf({ tool, fields, model, notes }: ForeignSettings): Recipe {
  if (tool === "comfyui" && fields.prompt === "" && fields.sampler === undefined)
    throw new RecipeError(`ComfyUI's graph in this file can't be told as a request: ${notes.at(-1)?.message ?? ""}`);
  return {
    latentkit: "recipe",
    version: 1,
    backend: tool,
    request: parseRequest(fields),
    ...(model === undefined ? {} : { model }),
    versions: {},
    ...(notes.length > 0 ? { notes: bounded(notes) } : {}),
  };
}

/** A job says each of them as a warning. */
const [mostNotes, longestNote] = [200, 2000];

function bounded(notes: ForeignSettings["notes"]): RecipeNote[] {
  const cut = (text: string) => (text.length > longestNote ? `${text.slice(0, longestNote)}…` : text);
  const told = notes.slice(0, mostNotes).map(({ field, value, message }): RecipeNote => {
    return { field: cut(field), message: cut(message), ...(value === undefined ? {} : { value: cut(value) }) };
  });
  const more = notes.length - told.length;
  return more === 0 ? told : [...told, { field: "", message: `and ${more} more settings that are not followed` }];
}
