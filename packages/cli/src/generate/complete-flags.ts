import { UsageError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";
import type { GenerateFlags } from "./flags.ts";
import { withOwnNames } from "./foreign-flags.ts";
import { readStandardInput } from "./standard-input.ts";

/**
 * The flags as they are meant: other tools' names put into ours, the prompt that stands alone among them, and a prompt of `-` read from
 * standard input.
 *
 * @throws UsageError for flags that do not go together.
 */
export async function completeFlags(given: GenerateFlags, words: readonly string[], io: CliIo): Promise<GenerateFlags> {
  const flags = withOwnNames(given);
  if (words.length > 1) {
    const quoted = JSON.stringify(words.join(" "));
    throw new UsageError(`too many words outside of flags: put quotes around the prompt (${quoted})`);
  }
  const [word] = words;
  if (word !== undefined && flags.prompt !== undefined)
    throw new UsageError(`--prompt: the prompt is given twice: ${JSON.stringify(word)} stands outside of flags`);
  if (flags.recipe !== undefined && flags.request !== undefined)
    throw new UsageError("--request: give a request or a --recipe, not both");
  const prompt = word ?? flags.prompt;
  if (prompt !== "-") return prompt === undefined ? flags : { ...flags, prompt };
  if (flags.request === "-") throw new UsageError("--prompt -: standard input is the --request already");
  return { ...flags, prompt: (await readStandardInput(io, "--prompt")).replace(/\r?\n$/, "") };
}
