import { Command } from "commander";
import { convert } from "../comfy/convert.ts";
import { inspect } from "../comfy/inspect.ts";
import { type RunFlags, run } from "../comfy/run.ts";
import { types } from "../comfy/types.ts";
import type { MakeCommand } from "../run-cli.ts";

const url = [
  "--url <url>",
  "the server's address; COMFYUI_URL, or http://127.0.0.1:8188, where it is left out",
] as const;
const file = [
  "<file>",
  "a workflow as ComfyUI's editor saves it or in API format, or a PNG that has one in it",
] as const;
const collect = (value: string, before: string[] = []) => [...before, value];

const examples = `
Examples:
  $ latentkit comfy inspect portrait.json
  $ latentkit comfy run portrait.json --set Sample.seed=9 --set "6.text=a red fox" --out fox.png
  $ latentkit comfy run edit.json --image 10=photo.jpg --out pictures/

A value is named by its node's id or title and its input; a subgraph's node has the fields that it shows.
Exit codes: 0 made, 1 failed, 2 bad input, 130 interrupted by Ctrl-C, which takes the job back from the server.`;

/** `latentkit comfy`: what concerns ComfyUI servers alone. */
export const comfyCommand: MakeCommand = (io, setExitCode) =>
  new Command("comfy")
    .description("work with a ComfyUI server")
    .addCommand(
      new Command("run")
        .description("run a workflow of your own")
        .argument(...file)
        .option(...url)
        .option("--set <node.input=value>", "set a value; may be given again", collect)
        .option("--image <node=file>", "give an image to a node that loads one; may be given again", collect)
        .option("--out <path>", "a file, or a folder (default: the working folder)")
        .option("--prompt-seed <number>", "draw choices in prompts such as {a|b} by it, the same each time")
        .option("--json", "print one JSON object: promptId, promptSeed, files, texts, warnings")
        .addHelpText("after", examples)
        .allowExcessArguments(false)
        .action(async (path: string, flags: RunFlags) => setExitCode(await run(path, flags, io))),
    )
    .addCommand(
      new Command("convert")
        .description("convert what the editor saves to API format, as the editor does")
        .argument(...file)
        .option(...url)
        .option("--out <file>", "write to a file, not to standard output")
        .option("--prompt-seed <number>", "draw choices in prompts such as {a|b} by it, the same each time")
        .allowExcessArguments(false)
        .action((path: string, flags) => convert(path, flags, io)),
    )
    .addCommand(
      new Command("inspect")
        .description("tell a workflow's values, outputs, models and missing nodes")
        .argument(...file)
        .option(...url)
        .option("--json", "print one JSON object: format, inputs, outputs, models, missing")
        .allowExcessArguments(false)
        .action((path: string, flags) => inspect(path, flags, io)),
    )
    .addCommand(
      new Command("types")
        .description("write TypeScript types of a server's node types, or of a workflow")
        .option(...url)
        .option("--out <file>", "write to a file, not to standard output")
        .option("--only <nodes...>", "only these node types")
        .option("--workflow <file>", "write a workflow as a typed function")
        .allowExcessArguments(false)
        .action((flags) => types(flags, io)),
    );
