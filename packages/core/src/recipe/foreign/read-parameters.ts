import { RecipeError } from "../../errors/recipe-error.ts";
import type { ModelIdentity } from "../../events.ts";
import type { RecipeNote } from "../recipe-note.ts";
import { requestFromParameters } from "./a1111-request.ts";
import { fromFooocusText } from "./fooocus-text.ts";
import { type ParametersText, splitParameters } from "./parameters-text.ts";
import { fromSdcpp } from "./sdcpp.ts";
import { fromSdNext } from "./sdnext.ts";
import { type ParametersTool, toolOf } from "./tool.ts";
import { type Fields, keepValid } from "./valid-request.ts";

/** What a file's text asks for. */
export interface ForeignSettings {
  /** The program that wrote it. */
  tool: string;
  /** A request's fields, each of them valid. */
  fields: Fields;
  model?: ModelIdentity;
  /** What the fields leave out. */
  notes: readonly RecipeNote[];
}

/** What a reader makes of a text in A1111's words: a text in those words, and fields in place of what they would say. */
export interface Translated {
  text: ParametersText;
  fields?: Fields;
  notes?: readonly RecipeNote[];
  /** The language of its prompts. Default A1111's. */
  language?: "a1111" | "comfyui";
}

const translate: Partial<Record<ParametersTool, (text: ParametersText) => Translated>> = {
  sdnext: fromSdNext,
  sdcpp: fromSdcpp,
  fooocus: fromFooocusText,
  comfyui: (text) => ({
    text,
    language: "comfyui",
    fields: { noise: { convention: "comfyui", source: "torch-cpu" } },
  }),
};

/** The longest prompts of programs are some ten thousand letters; more than this is none of theirs. */
const longest = 2 ** 19;

/**
 * Reads a `parameters` text by A1111 and all who write such; undefined where it is none.
 *
 * @throws RecipeError for one that is longer than any program's.
 */
export function readParameters(text: string): ForeignSettings | undefined {
  if (text.length > longest)
    throw new RecipeError(`The settings in this file are not read: ${text.length} letters; at most ${longest} are.`);
  const split = splitParameters(text);
  if (split === undefined) return undefined;
  const tool = toolOf(split);
  const { text: told, fields: own = {}, notes = [], language } = translate[tool]?.(split) ?? { text: split };
  const read = requestFromParameters(told, language);
  const valid = keepValid({ ...read.fields, ...own });
  const id = split.settings.get("Model") || split.settings.get("Unet");
  const hash = split.settings.get("Model hash");
  return {
    tool,
    fields: valid.fields,
    ...(id ? { model: { id, ...(hash ? { hash } : {}) } } : {}),
    notes: [...notes, ...read.notes, ...valid.notes],
  };
}
