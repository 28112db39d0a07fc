import type { ComponentInfo, ModelInfo } from "@latentkit/backend-local";
import { Command } from "commander";
import type { MakeCommand } from "../run-cli.ts";

/** `latentkit models`: what a model's files hold. */
export const modelsCommand: MakeCommand = ({ stdout }) =>
  new Command("models").description("look into models").addCommand(
    new Command("info")
      .description("print a model folder's architecture, sizes, types, scheduler and native size")
      .argument("<dir>", "a folder in the diffusers layout")
      .option("--variant <name>", "which files where there are several, such as fp16")
      .option("--json", "print one JSON object")
      .allowExcessArguments(false)
      .action(async (folder: string, { variant, json }: { variant?: string; json?: boolean }) => {
        const { inspectModel } = await import("@latentkit/backend-local");
        const info = await inspectModel(folder, variant);
        stdout.write(`${json ? JSON.stringify(info, undefined, 2) : table(info)}\n`);
      }),
  );

function table({ id, path, hash, components, scheduler, size, maxPromptTokens }: ModelInfo): string {
  const { sampler, scheduler: levels, prediction } = scheduler;
  const rows: [string, string][] = [
    ["model", id],
    ["path", path],
    ["hash", hash],
    ...components.map((component): [string, string] => [component.name, describe(component)]),
    ["scheduler", `${scheduler.class} (sampler ${sampler}, scheduler ${levels}, ${prediction})`],
    ["native size", `${size.width}×${size.height} (sides in multiples of ${size.multipleOf}, from ${size.min})`],
    ["prompt", `up to ${maxPromptTokens} tokens`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

function describe({ architecture, parameters, bytes, dtypes }: ComponentInfo): string {
  return `${architecture}, ${scaled(parameters)} parameters, ${scaled(bytes)}B ${dtypes.join("+")}`;
}

/** Three digits and a decimal prefix: 859520964 is `860 M`. */
function scaled(value: number): string {
  const prefixes = ["", "k", "M", "G"];
  const power = Math.min(prefixes.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  const number = value / 1000 ** power;
  return `${power === 0 || number >= 100 ? Math.round(number) : number.toPrecision(3)} ${prefixes[power]}`;
}
