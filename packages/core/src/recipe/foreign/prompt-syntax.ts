import { fieldsAt } from "../../request/request.ts";
import type { Fields } from "./valid-request.ts";

/** What makes a prompt more than words: weights, brackets and breaks. */
const marked = { a1111: /(?<!\\)[([]|\bBREAK\b/, comfyui: /(?<!\\)\(/ } as const;

/** About so many letters fit into one chunk of a text encoder; longer prompts are laid out in each language's own way. */
const oneChunk = 100;

/** The field that has prompts read in the language they were written in; where they say something that plain words don't. */
export function promptSyntaxOf(
  syntax: keyof typeof marked,
  prompts: readonly unknown[],
  note: (message: string) => void,
): Fields {
  const isPlain = (text: unknown) =>
    typeof text !== "string" || (text.length <= oneChunk && !marked[syntax].test(text));
  if (prompts.every(isPlain)) return {};
  if (fieldsAt("text-to-image").includes("promptSyntax")) return { promptSyntax: syntax };
  note("weights such as (word:1.2) are read as plain words here");
  return {};
}
