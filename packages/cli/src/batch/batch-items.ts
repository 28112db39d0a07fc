import { type BatchInput, expandPrompt, type GenerationInput, isRecipe, readWildcards } from "@latentkit/core";
import { readSetting, type Setting, withSettings } from "../generate/set-fields.ts";
import { UsageError } from "../report-error.ts";
import type { JsonLine } from "./json-lines.ts";

/** What each line of a batch is made into. */
export interface ItemFlags {
  set?: string[];
  template?: boolean;
  wildcards?: string;
  var?: string[];
  model?: string;
}

/** Makes items of lines: a request's fields, beside them an `id`; or a recipe. */
export type MakeItem = (line: JsonLine) => BatchInput;

/** @throws UsageError naming a flag that is wrong. */
export async function itemMaker(flags: ItemFlags): Promise<MakeItem> {
  const settings = (flags.set ?? []).map(readSetting);
  const variables = Object.fromEntries((flags.var ?? []).map(readVariable));
  const wildcards = flags.wildcards === undefined ? {} : await readWildcards(flags.wildcards);
  const expands = flags.template === true || flags.wildcards !== undefined || flags.var !== undefined;
  const model = flags.model === undefined ? {} : { model: flags.model };
  return ({ line, value = {} }) => {
    const { id, request: inner, ...rest } = value;
    if (id !== undefined && typeof id !== "string" && typeof id !== "number")
      throw new UsageError("id: must be a text or a number");
    const own = (inner ?? rest) as GenerationInput;
    const request = isRecipe(value) ? value : requestOf({ ...model, ...own }, settings);
    if (expands && !isRecipe(request)) expand(request as unknown as Fields, { variables, wildcards, line });
    return id === undefined ? request : { id: String(id), request };
  };
}

type Fields = Record<string, unknown>;

function requestOf(own: object, settings: readonly Setting[]): GenerationInput {
  return withSettings(own, settings) as GenerationInput;
}

/** The seed of the line decides, or its number where it has none. */
function expand(
  request: Fields,
  { line, ...lists }: { line: number; variables: Record<string, string>; wildcards: Record<string, string[]> },
): void {
  const seed = (request.seed as number | string | undefined) ?? line;
  for (const field of ["prompt", "negativePrompt"])
    if (typeof request[field] === "string") request[field] = expandPrompt(request[field], { seed, ...lists });
}

function readVariable(text: string): [string, string] {
  const [, name, value] = /^([\w.-]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw new UsageError(`--var: must be name=value, not ${JSON.stringify(text)}`);
  return [name, value ?? ""];
}
