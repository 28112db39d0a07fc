import { Command } from "commander";
import { type BatchFlags, runBatch } from "../batch/run-batch.ts";
import { clientOptions } from "../generate/client-flags.ts";
import { several } from "../generate/request-flags.ts";
import { whole } from "../generate/sampling-flags.ts";
import type { MakeCommand } from "../run-cli.ts";

const examples = `
Each line is a request, as --request takes it, with an "id" of its own where its files should be named after it; or a recipe. stdout gets a
JSON line for each: line, id, status (done, skipped, failed), images, error. The manifest says what is done: after a Ctrl-C, a kill or a full
disk the same command goes on where it was, and draws nothing twice.

Examples:
  $ latentkit batch requests.jsonl --out pictures
  $ echo '{"prompt": "a red apple", "seed": 7}' | latentkit batch -
  $ latentkit batch requests.jsonl --concurrency 4 --keep-going --set steps=10
  $ echo '{"prompt": "a {cat|dog|pig} in the {snow|desert}"}' | latentkit batch - --template

Exit codes: 0 all drawn, 1 failed, 2 bad input, 130 interrupted by Ctrl-C.`;

/** `latentkit batch`: many requests, with a manifest. */
export const batchCommand: MakeCommand = (io, setExitCode) => {
  const command = new Command("batch")
    .description("draw each request of a file of JSON lines; safe to stop and run again")
    .argument("<file>", "a .jsonl file, or - for standard input")
    .option("--out <folder>", "folder for the pictures", "batch")
    .option("--manifest <file>", "what is done (default: manifest.jsonl in the folder)")
    .option("--concurrency <n>", "jobs at once (default: 1)", whole)
    .option("--keep-going", "go on after a line that fails")
    .addOption(several("--set <path=value>", "a field of every request, such as steps=10; again for more", String))
    .option("--template", "prompts are templates: {red|blue} chooses by the line's seed, or its number")
    .option("--wildcards <folder>", "lists for __name__ in prompts: name.txt, one entry a line")
    .addOption(several("--var <name=value>", "a variable of the prompts' templates; again for more", String))
    .option("--on-unsupported <what>", "error (default) or warn: leave out what the backend can't do")
    .addHelpText("after", examples)
    .allowExcessArguments(false)
    .action(async (file: string, flags: BatchFlags) => setExitCode(await runBatch(file, flags, io)));
  for (const option of clientOptions()) command.addOption(option);
  return command;
};
