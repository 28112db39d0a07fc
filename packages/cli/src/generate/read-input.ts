import { finalRequest, type GenerationInput, impliedTask, type Recipe, readRecipe } from "@latentkit/core";
import type { CliIo } from "../run-cli.ts";
import { flagsToFields, type GenerateFlags } from "./flags.ts";
import { readRequest } from "./read-request.ts";
import { withSettings } from "./set-fields.ts";

/** What to generate. */
export interface Input {
  input: GenerationInput | Recipe;
  /** The recipe as it was read. */
  recipe?: Recipe;
  /** What the flags set. */
  fields: Partial<GenerationInput>;
  model?: string | undefined;
}

/**
 * The request that the flags make, over the one that `--request` brings, or the recipe's where `--recipe` names one.
 *
 * @throws UsageError, RecipeError or NotFoundError when these cannot be read.
 */
export async function readInput(flags: GenerateFlags, io: CliIo): Promise<Input> {
  const fields = flagsToFields(flags);
  const settings = flags.set ?? [];
  const from = flags.recipe ?? flags.final;
  if (from === undefined) {
    const base = flags.request === undefined ? {} : await readRequest(flags.request, io);
    const input = withTask(withSettings(over(base, fields), settings), base, flags) as GenerationInput;
    return { input, fields, model: input.model };
  }
  const read = await readRecipe(from);
  const recipe = flags.final === undefined ? read : { ...read, request: finalRequest(read) };
  const base = recipe.request as Partial<GenerationInput>;
  const isChanged = Object.keys(fields).length + settings.length > 0;
  const request = withTask(withSettings(over(base, fields), settings), base, flags);
  const input = isChanged ? ({ ...recipe, request } as Recipe) : recipe;
  return { input, recipe, fields, model: flags.trust === true ? input.request.model : flags.model };
}

/** Lists that a flag adds to. */
const lists = ["conditioning", "loras", "embeddings"] as const;
/** Fields of which a flag sets single ones: the others stay. */
const groups = ["guidance", "noise", "output", "hires"] as const;

function over(base: Partial<GenerationInput>, fields: Partial<GenerationInput>): Partial<GenerationInput> {
  const whole: Record<string, unknown> = { ...base, ...fields };
  for (const name of lists) {
    if (Array.isArray(base[name]) && fields[name] !== undefined) whole[name] = [...base[name], ...fields[name]];
  }
  for (const name of groups) {
    if (base[name] !== undefined && fields[name] !== undefined) whole[name] = { ...base[name], ...fields[name] };
  }
  return whole as Partial<GenerationInput>;
}

/** A picture makes another task of a request that names none, or was text-to-image; an edit's stays what it is. */
function withTask(
  request: Partial<GenerationInput>,
  base: Partial<GenerationInput>,
  { task }: Pick<GenerateFlags, "task">,
): Partial<GenerationInput> {
  const isOpen = task === undefined && (request.task ?? "text-to-image") === (base.task ?? "text-to-image");
  if (!isOpen || (base.task ?? "text-to-image") !== "text-to-image") return request;
  const implied = impliedTask(request);
  return { ...request, task: implied } as Partial<GenerationInput>;
}
