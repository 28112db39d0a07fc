import { extname } from "node:path";
import { compareImages, decodeImage, differenceMap, encodeImage, type Pixels, saveFile } from "@latentkit/core";
import { Command } from "commander";
import { describeDifference } from "../replay/difference.ts";
import { readPicture } from "../replay/read-picture.ts";
import { UsageError } from "../report-error.ts";
import type { MakeCommand } from "../run-cli.ts";

interface DiffFlags {
  out?: string;
  json?: boolean;
}

/** `latentkit diff`: how far two pictures are from each other. */
export const diffCommand: MakeCommand = ({ stdout }, setExitCode) =>
  new Command("diff")
    .description("compare two pictures: mean and largest difference, SSIM, a heat map")
    .argument("<a>", "a PNG, JPEG or WebP file")
    .argument("<b>", "another of the same size")
    .option("--out <file.png>", "write a heat map: black where they are the same, then red, yellow, white")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExit codes: 0 the same samples, 1 different, 2 bad input, as of different sizes.")
    .allowExcessArguments(false)
    .action(async (first: string, second: string, { out, json }: DiffFlags) => {
      if (out !== undefined && extname(out).toLowerCase() !== ".png")
        throw new UsageError("--out: must be a .png file");
      const [a, b] = await Promise.all([pixelsOf(first), pixelsOf(second)]);
      const difference = compareImages(a, b);
      if (out !== undefined) await write(out, differenceMap(a, b));
      stdout.write(`${json ? JSON.stringify(difference) : describeDifference(difference, a.width * a.height)}\n`);
      if (!difference.equal) setExitCode(1);
    });

async function pixelsOf(file: string): Promise<Pixels> {
  return decodeImage(await readPicture(file), `picture ${file}`);
}

async function write(file: string, pixels: Pixels): Promise<void> {
  const bytes = await encodeImage(pixels, "png");
  await saveFile(file, bytes).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(`--out: cannot write ${file} (${cause.code ?? "unknown reason"})`);
  });
}
