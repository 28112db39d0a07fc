import { Command, Option } from "commander";
import { type ReplayFlags, replay } from "../replay/replay.ts";
import type { MakeCommand } from "../run-cli.ts";

const examples = `
Reads what LatentKit, A1111, Forge, SD.Next, Fooocus, InvokeAI, sd.cpp and ComfyUI write: into PNG, JPEG and WebP files, or into a .txt
or .json beside one. The picture is drawn again, what could not be honoured is listed, and the difference to the file's pixels printed.

Examples:
  $ latentkit replay apple.png
  $ latentkit replay 00012-42.png --model ./models/stable-diffusion-v1-5 --out again.png
  $ latentkit replay 00013-42.jpg --image sketch.png
  $ latentkit replay apple.png --exact && echo reproduced
  $ latentkit replay ComfyUI_00012_.png --backend comfy    # runs its graph as it is

Exit codes: 0 drawn, 1 failed or, with --exact, not the same pixels, 2 bad input, 130 interrupted by Ctrl-C.`;

/** `latentkit replay`: draws a picture again from what stands in its file. */
export const replayCommand: MakeCommand = (io, setExitCode) =>
  new Command("replay")
    .description("draw a picture of any tool again from its file, and compare")
    .argument("<file>", "a picture, or a text with its settings")
    .addOption(
      new Option(
        "--backend <name>",
        "where to run (default: as configured, else local; with --trust, where the picture was made)",
      ),
    )
    .option("--model <dir|file|id>", "the model, as the backend names it")
    .option("--image <file>", "the picture that it was made from, for image-to-image of other tools")
    .option("--url <url>", "a remote backend's server or API base")
    .option("--config <file>", "configuration file (default: latentkit.config.* in the working folder)")
    .option("--out <path>", "a .png, .jpg or .webp file, or a folder (default: the working folder)")
    .option("--trust", "let it use the files, addresses, models, nodes, backend and options that it names")
    .option("--exact", "fail unless each pixel is the same")
    .option("--json", "print one JSON object: images, notHonoured, difference")
    .addHelpText("after", examples)
    .allowExcessArguments(false)
    .action(async (file: string, flags: ReplayFlags) => setExitCode(await replay(file, flags, io)));
