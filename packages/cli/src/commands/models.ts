import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ComponentInfo, ModelInfo } from "@latentkit/backend-local";
import { Command } from "commander";
import { UsageError } from "../report-error.ts";
import type { CliIo, MakeCommand } from "../run-cli.ts";
import { columns } from "../terminal/columns.ts";
import { onInterrupt } from "../terminal/interrupt.ts";

/** `latentkit models`: what a model's files hold, and models of the Hugging Face Hub in its cache. */
export const modelsCommand: MakeCommand = (io) =>
  new Command("models")
    .description("look into models, and bring them from the Hugging Face Hub")
    .addCommand(infoCommand(io))
    .addCommand(pullCommand(io))
    .addCommand(listCommand(io))
    .addCommand(pathCommand(io));

function infoCommand({ stdout }: CliIo): Command {
  return new Command("info")
    .description("print what a model is and can do: family, networks, precision, scheduler, native size")
    .argument("<model>", "a folder in the diffusers layout, a .safetensors file, or owner/name of the Hub's cache")
    .option("--variant <name>", "which files where there are several, such as fp16")
    .option("--json", "print one JSON object")
    .allowExcessArguments(false)
    .action(async (folder: string, { variant, json }: { variant?: string; json?: boolean }) => {
      const { inspectModel } = await import("@latentkit/backend-local");
      const info = await inspectModel(folder, variant);
      stdout.write(`${json ? JSON.stringify(info, undefined, 2) : table(info)}\n`);
    });
}

interface PullFlags {
  revision: string;
  variant?: string;
  token?: string;
  json?: boolean;
}

function pullCommand(io: CliIo): Command {
  const { stdout, stderr, env } = io;
  return new Command("pull")
    .description("bring a model from the Hugging Face Hub into its cache; goes on where it was interrupted")
    .argument("<owner/name>", "the model")
    .argument("[files...]", "single files of it (default: what a diffusers model needs; never pickles)")
    .option("--revision <name>", "a branch, tag or commit", "main")
    .option("--variant <name>", "the variant's weights where there are such, such as fp16")
    .option("--token <token>", "for private and gated models; better HF_TOKEN, which no process list shows")
    .option("--json", "print one JSON object: path, commit, files, bytes, skipped")
    .addHelpText("after", pullHelp)
    .action(async (name: string, files: string[], { revision, variant, token, json }: PullFlags) => {
      const [{ pull }, { pullView }, { openHub }] = await Promise.all([
        import("../models/pull.ts"),
        import("../models/pull-view.ts"),
        import("../models/hub.ts"),
      ]);
      const interrupt = onInterrupt();
      const view = pullView(stderr);
      try {
        const { signal } = interrupt;
        const pulled = await pull(await openHub(env, token), { name, revision, files, variant, signal, view });
        view.close();
        stdout.write(json ? `${JSON.stringify(pulled, undefined, 2)}\n` : `${pulled.path}\n`);
      } finally {
        view.close();
        interrupt.release();
      }
    });
}

const pullHelp = `
It prints the snapshot's folder, which --model takes, as it takes owner/name.
HF_ENDPOINT is another server with the Hub's endpoints; HF_HUB_CACHE or HF_HOME put the cache elsewhere; HF_HUB_OFFLINE=1 fetches nothing.`;

function listCommand({ stdout }: CliIo): Command {
  return new Command("list")
    .description("list the models in the Hugging Face Hub's cache")
    .option("--json", "print one JSON object")
    .allowExcessArguments(false)
    .action(async ({ json }: { json?: boolean }) => {
      const { listModels } = await import("../models/list-models.ts");
      const models = await listModels();
      if (json) stdout.write(`${JSON.stringify({ models }, undefined, 2)}\n`);
      else if (models.length > 0) {
        const rows = models.map(({ id, size, commit }): [string, string] => [
          id,
          `${scaled(size)}B  ${commit.slice(0, 12)}`,
        ]);
        stdout.write(`${columns(rows)}\n`);
      }
    });
}

function pathCommand({ stdout }: CliIo): Command {
  return new Command("path")
    .description("print the folder of a model in the Hugging Face Hub's cache")
    .argument("<owner/name>", "the model, with @revision where it is not main")
    .argument("[file]", "a file of it")
    .option("--revision <name>", "a branch, tag or commit")
    .allowExcessArguments(false)
    .action(async (name: string, file: string | undefined, { revision }: { revision?: string }) => {
      const { findInHubCache, readHubId } = await import("@latentkit/backend-local");
      const id = readHubId(name);
      if (id === undefined) throw new UsageError(`${name} is no model's name on the Hub: it must be owner/name`);
      const folder = await findInHubCache(revision === undefined ? id : { ...id, revision });
      const path = file === undefined ? folder : join(folder, file);
      if (!existsSync(path)) throw new UsageError(`${file} is not in ${folder}`);
      stdout.write(`${path}\n`);
    });
}

function table(info: ModelInfo): string {
  const { id, family, tasks, path, hash, components, scheduler, size, maxPromptTokens, adapter } = info;
  const bytes = components.reduce((sum, component) => sum + component.bytes, 0);
  const rows: [string, string][] = [
    ["model", id],
    ["family", family],
    ["tasks", tasks.join(", ")],
    ["path", path],
    ["hash", hash],
    ["size", `${scaled(bytes)}B`],
    ...components.map((component): [string, string] => [component.name, describe(component)]),
  ];
  if (scheduler !== undefined) {
    const { sampler, scheduler: levels, prediction } = scheduler;
    rows.push(["scheduler", `${scheduler.class} (sampler ${sampler}, scheduler ${levels}, ${prediction})`]);
  }
  if (size !== undefined) {
    const sides = `sides in multiples of ${size.multipleOf}, from ${size.min}`;
    rows.push(["native size", `${size.width}×${size.height} (${sides})`]);
  }
  if (adapter !== undefined) {
    const { layers = {}, triggerWords = [], tags = [] } = adapter;
    rows.push(
      [
        "layers",
        Object.entries(layers)
          .map(([network, count]) => `${count} ${network}`)
          .join(", "),
      ],
      ["trigger words", triggerWords.join(", ")],
      ["training tags", tags.map(({ tag, count }) => `${tag} (${count})`).join(", ")],
    );
  }
  if (maxPromptTokens !== undefined) rows.push(["prompt", `up to ${maxPromptTokens} tokens`]);
  return columns(rows.filter(([, value]) => value !== ""));
}

function describe({ architecture, parameters, bytes, dtypes }: ComponentInfo): string {
  const count = parameters === 0 ? [] : [`${scaled(parameters)} parameters`];
  return [architecture, ...count, `${scaled(bytes)}B ${dtypes.join("+")}`.trim()].join(", ");
}

/** Three digits and a decimal prefix: 859520964 is `860 M`. */
function scaled(value: number): string {
  const prefixes = ["", "k", "M", "G"];
  const power = Math.min(prefixes.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  const number = value / 1000 ** power;
  return `${power === 0 || number >= 100 ? Math.round(number) : number.toPrecision(3)} ${prefixes[power]}`;
}
