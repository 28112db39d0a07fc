import { tasks } from "@latentkit/core";
import { Command, InvalidArgumentError, Option } from "commander";
import type { GenerateFlags } from "../generate/flags.ts";
import { foreignOptions } from "../generate/foreign-flags.ts";
import { generate } from "../generate/generate.ts";
import { requestOptions, several } from "../generate/request-flags.ts";
import { decimal, samplingOptions, whole } from "../generate/sampling-flags.ts";
import { readSetting } from "../generate/set-fields.ts";
import type { MakeCommand } from "../run-cli.ts";

const examples = `
Examples:
  $ latentkit generate "a red apple on a blue background" --seed 7 --out apple.png
  $ latentkit generate "a blue whale" --count 4 --out whales/
  $ latentkit generate --recipe apple.png --steps 40
  $ latentkit generate --prompt "a red apple" --pag-scale 3 --pag-layers mid,up_blocks.0
  $ latentkit generate --prompt "a red apple" --seed 7 --sampler euler --end-step 12 --save-latent --out half.png
  $ latentkit generate --prompt "a red apple" --seed 7 --sampler euler --start-step 12 --latent half.safetensors
  $ latentkit generate "a green apple" --image apple.png --mask right.png --out edited.png
  $ latentkit generate "a fox" --backend comfy --url http://127.0.0.1:8188 --model sd_xl.safetensors --lora ink:0.8
  $ echo '{"prompt": "a robot", "guidance": {"rescale": 0.7}}' | latentkit generate --request - --set steps=30 --out - > robot.png

Files: a file named by --out is replaced when it exists; names made from the prompt and the seed never replace a file.
Exit codes: 0 done, 1 failed (pictures made before stay), 2 bad input, 130 interrupted by Ctrl-C.`;

/** `latentkit generate`: one request, on any backend. */
export const generateCommand: MakeCommand = (io, setExitCode) => {
  const command = new Command("generate")
    .description("make pictures from a prompt")
    .addOption(
      new Option(
        "--backend <name>",
        "where to run: local, replicate, comfy, http, openai, ai-sdk, queue, a1111 (default: as configured, else local)",
      ),
    )
    .option("--model <dir|file|id>", "the model, as the backend names it (default: the backend's own)")
    .option(
      "--task <task>",
      `${tasks.join(", ")} (default: by the pictures given: --image image-to-image, --mask inpaint, --left … outpaint)`,
    )
    .argument("[prompt...]", "what to draw")
    .option("--prompt <text>", "what to draw; - reads it from standard input")
    .option("--negative <text>", "what to keep out")
    .option("--width <pixels>", "width of the picture", whole)
    .option("--height <pixels>", "height of the picture", whole)
    .option("--steps <n>", "number of sampling steps", whole)
    .option("--guidance <scale>", "classifier-free guidance scale; 1 is off", decimal)
    .option("--pag-scale <scale>", "perturbed-attention guidance scale; 0 is off", decimal)
    .option("--pag-layers <names>", "layers that it perturbs, by parts of names, with commas (default: mid)")
    .option("--pag-adaptive-scale <scale>", "how much of it is lost by each timestep below 1000", decimal)
    .option("--seed <seed>", "0 to 18446744073709551615 (default: random)")
    .option("--count <n>", "number of pictures; picture i uses seed + i", whole)
    .option("--sampler <name>", "what steps the latents: euler, dpmpp_2m …")
    .option("--scheduler <name>", "what makes the sigmas: karras, exponential …")
    .option("--strength <0-1>", "how far to move from --image: 0 keeps it, 1 ignores it", decimal)
    .option("--image <file>", "input picture: a file or a URL")
    .option("--mask <file>", "white where the picture is painted anew")
    .option("--scale <factor>", "enlargement (task upscale)", decimal)
    .option("--left <pixels>", "pixels to add on the left (task outpaint)", whole)
    .option("--right <pixels>", "pixels to add on the right (task outpaint)", whole)
    .option("--top <pixels>", "pixels to add on top (task outpaint)", whole)
    .option("--bottom <pixels>", "pixels to add at the bottom (task outpaint)", whole)
    .option("--recipe <file>", "make a picture again from its PNG or recipe JSON; other flags change single settings")
    .option("--final <file>", "make the picture of a draft (--draft-steps, --draft-scale) from its PNG or recipe JSON")
    .addOption(
      several("--input <file>", "a file that the recipe tells by its hash alone; again for more", (file) => file),
    )
    .option("--request <file>", "a request as JSON, - for standard input; flags change single settings of it")
    .addOption(
      several("--set <path=value>", "any field of the request: guidance.rescale=0.7; again for more", readSetting),
    )
    .addOption(
      new Option("--on-unsupported <what>", "what to do with a field that the backend cannot honour").choices([
        "error",
        "warn",
      ]),
    )
    .option("--timeout <seconds>", "give up after so long", seconds)
    .option("--trust", "let the recipe use the files, addresses, models, backend and options that it names")
    .option("--url <url>", "a remote backend's server or API base")
    .option("--config <file>", "configuration file (default: latentkit.config.* in the working folder)")
    .option(
      "--out <path>",
      "a .png, .jpg or .webp file for one picture, - for standard output, else a folder (default: the working folder)",
    )
    .option(
      "--preview <steps>",
      "in a terminal, show the unfinished picture every so many steps (default: five times)",
      positive,
    )
    .option("--no-preview", "do not show unfinished pictures")
    .option("--json", "print one JSON object on stdout: images, recipe, timings, warnings")
    .addHelpText("after", examples)
    .action(async (words: string[], flags: GenerateFlags) => setExitCode(await generate(flags, words, io)));
  for (const option of requestOptions()) command.addOption(option.helpGroup("More of the request:"));
  for (const option of samplingOptions()) command.addOption(option.helpGroup("Sampling:"));
  for (const option of foreignOptions(command.options)) command.addOption(option);
  return command;
};

function positive(text: string): number {
  if (!/^\+?0*[1-9]\d*$/.test(text)) throw new InvalidArgumentError("It must be a whole number above 0.");
  return Number(text);
}

function seconds(text: string): number {
  const value = decimal(text);
  if (value <= 0) throw new InvalidArgumentError("It must be a number of seconds above 0.");
  return value;
}
