import type { QuantizeFormat } from "@latentkit/backend-local";
import { Command, Option } from "commander";
import type { MakeCommand } from "../run-cli.ts";
import { onInterrupt } from "../terminal/interrupt.ts";

interface QuantizeFlags {
  format: QuantizeFormat;
  force?: boolean;
  json?: boolean;
}

const formats = ["int8_convrot", "int8", "fp8_scaled", "fp8", "q8_0", "q4_0"];

/** `latentkit quantize`: a model's weights in fewer bits. */
export const quantizeCommand: MakeCommand = ({ stdout, stderr }) =>
  new Command("quantize")
    .description("write a model's weights in fewer bits, for this and other programs")
    .argument(
      "<in>",
      "a .safetensors or .gguf file, a network's folder, or a model's (its UNet or transformer is taken)",
    )
    .argument("<out>", "the file to write: .safetensors, or .gguf for q8_0 and q4_0")
    .addOption(new Option("--format <format>", "how").choices(formats).makeOptionMandatory())
    .option("--force", "replace the file where it is there already")
    .option("--json", "print one JSON object: path, from, to, quantised, tensors")
    .addHelpText("after", help)
    .allowExcessArguments(false)
    .action(async (source: string, target: string, { format, force = false, json }: QuantizeFlags) => {
      const { quantizeModel } = await import("@latentkit/backend-local");
      const interrupt = onInterrupt();
      const isTerminal = "isTTY" in stderr && stderr.isTTY === true;
      const onProgress = (done: number, of: number) => {
        if (isTerminal) stderr.write(`\r${Math.floor((100 * done) / of)} %`);
      };
      try {
        const { signal } = interrupt;
        const made = await quantizeModel(source, target, { format, overwrite: force, onProgress, signal });
        if (isTerminal) stderr.write("\r");
        const size = (bytes: number) => `${(bytes / 1e6).toPrecision(4)} MB`;
        const said = `${made.path}: ${made.quantised} of ${made.tensors} tensors quantised, ${size(made.from)} → ${size(made.to)}`;
        stdout.write(`${json ? JSON.stringify(made, undefined, 2) : said}\n`);
      } finally {
        interrupt.release();
      }
    });

const help = `
int8_convrot  8 bits, rotated: ComfyUI's int8_tensorwise with convrot; the one to take for this engine
int8          8 bits, a scale for each row: ComfyUI's int8_tensorwise
fp8_scaled    fp8 e4m3, a scale for each layer: ComfyUI's float8_e4m3fn
fp8           fp8 e4m3 as it is
q8_0, q4_0    GGUF, the denoising network alone: ComfyUI-GGUF, stable-diffusion.cpp`;
