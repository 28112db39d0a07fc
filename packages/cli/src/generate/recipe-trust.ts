import { createInterface } from "node:readline/promises";
import {
  type Client,
  parseRequest,
  type Recipe,
  type RecipeTouch,
  recipeTouches,
  untrustedTouches,
} from "@latentkit/core";
import { UsageError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";
import { printable } from "../terminal/printable.ts";
import { isTerminal } from "../terminal/progress-view.ts";

const words: Readonly<Record<RecipeTouch["kind"], string>> = {
  path: "reads the file",
  url: "fetches",
  model: "uses the model",
  backendOptions: "sets",
  count: "makes so many pictures:",
};

interface Admission {
  trust: boolean | undefined;
  /** What flags set: the user's own. */
  fields: object;
  /** The recipe as it will be run, with what flags changed. */
  input: object;
  /** How the recipe is called in messages. */
  file: string;
}

/**
 * Makes sure that a recipe reaches no more than its user knows of: without `--trust` what it would reach is shown, and asked for in a
 * terminal. What flags set is the user's own.
 *
 * @throws UsageError naming each thing, where nobody can be asked or the answer is no.
 */
export async function admitRecipe(
  recipe: Recipe,
  { trust, fields, input, file }: Admission,
  { backend }: Client,
  io: CliIo,
  signal: AbortSignal,
): Promise<void> {
  if (trust === true) return;
  const touches = await untrustedTouches(recipe, backend, false, { signal, request: recipe.request });
  const kept = touchesOf(input);
  const left = touches.filter((touch) => !isSet(touch, fields) && (kept?.has(keyOf(touch)) ?? true));
  if (left.length === 0) return;
  const lines = left.slice(0, 20).map(({ kind, field, value }) => `${field}: it ${words[kind]} ${value}`);
  if (left.length > 20) lines.push(`and ${left.length - 20} more`);
  await askOrRefuse(`${file} would reach beyond its own words`, lines, io, signal);
}

/**
 * Shows what a file would do, and asks in a terminal whether that is meant.
 *
 * @throws UsageError naming each thing, where nobody can be asked or the answer is no.
 */
export async function askOrRefuse(
  text: string,
  told: readonly string[],
  io: CliIo,
  signal: AbortSignal,
): Promise<void> {
  if (told.length === 0) return;
  const lines = told.map(printable);
  const stdin = io.stdin as NodeJS.ReadableStream & { isTTY?: boolean };
  if (stdin?.isTTY !== true || !isTerminal(io.stderr))
    throw new UsageError(`${text} (add --trust if that is meant): ${lines.join("; ")}`);
  const terminal = createInterface({ input: stdin, output: io.stderr });
  try {
    const answer = await terminal.question(`latentkit: ${text}:\n  ${lines.join("\n  ")}\nGo on? [y/N] `, { signal });
    if (!/^y(es)?$/i.test(answer.trim())) throw new UsageError("not run");
  } finally {
    terminal.close();
  }
}

/** Lists that flags add to, whose first entries stay the recipe's. */
const lists = ["conditioning", "loras", "embeddings"];

function isSet({ field }: RecipeTouch, fields: object): boolean {
  const head = field.split(/[.[]/)[0]!;
  return Object.hasOwn(fields, head) && !lists.includes(head);
}

/** What will be reached; undefined where the input is wrong, which the job tells. */
function touchesOf(input: object): Set<string> | undefined {
  try {
    const request = "request" in input ? input.request : input;
    return new Set(recipeTouches(parseRequest(request)).map(keyOf));
  } catch {
    return undefined;
  }
}

function keyOf({ field, value }: RecipeTouch): string {
  return `${field} ${value}`;
}
