import { Command } from "commander";
import { clientOptions } from "../generate/client-flags.ts";
import { several } from "../generate/request-flags.ts";
import { whole } from "../generate/sampling-flags.ts";
import type { MakeCommand } from "../run-cli.ts";
import { runSweep, type SweepFlags } from "../sweep/run-sweep.ts";

const examples = `
The folder gets each picture, with its recipe inside; sheet.png, all of them with their values; sheet.html, the same with the recipes; and
sweep.jsonl, a line for each. The first --vary runs across the sheet, the others down. Without --seed all have seed 0, so that what differs is
what was varied.

Examples:
  $ latentkit sweep "a red apple on a blue background" --vary steps=5,10,20 --vary guidanceScale=1,4,8
  $ latentkit sweep "a penguin on snow" --seed 7 --set steps=10 --vary sampler=euler,dpmpp_2m,uni_pc
  $ latentkit sweep --vary 'prompt=["a penguin in the snow","a penguin in the desert"]' --vary seed=1,2,3

Exit codes: 0 all drawn, 1 some failed, 2 bad input, 130 interrupted by Ctrl-C.`;

/** `latentkit sweep`: every combination of values, with a contact sheet. */
export const sweepCommand: MakeCommand = (io, setExitCode) => {
  const command = new Command("sweep")
    .description("draw every combination of some values, with a contact sheet")
    .argument("[prompt...]", "what to draw")
    .option("--prompt <text>", "what to draw")
    .option("--negative <text>", "what to keep out")
    .option("--seed <seed>", "the seed of all (default: 0)")
    .addOption(several("--vary <field=a,b,c>", "a field and its values; again for more", String))
    .addOption(
      several("--set <path=value>", "another field of every request, such as width=512; again for more", String),
    )
    .option("--out <folder>", "folder for the pictures and sheets", "sweep")
    .option("--cell <pixels>", "longest side of a picture on the sheet (default: 256)", whole)
    .option("--concurrency <n>", "jobs at once (default: 1)", whole)
    .option("--json", "print one JSON object: sheets, and each combination's values, path and recipe")
    .addHelpText("after", examples)
    .action(async (words: string[], flags: SweepFlags) => setExitCode(await runSweep(words, flags, io)));
  for (const option of clientOptions()) command.addOption(option);
  return command;
};
