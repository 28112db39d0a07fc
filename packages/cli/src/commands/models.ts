import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ComponentInfo, MemoryPlan, ModelInfo } from "@latentkit/backend-local";
import { Command, InvalidArgumentError } from "commander";
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
    .argument(
      "<model>",
      "a folder in the diffusers layout, a .safetensors or .gguf file, or owner/name of the Hub's cache",
    )
    .option("--variant <name>", "which files where there are several, such as fp16")
    .option("--plan <size>", "the memory that a picture of that size takes, such as 1024x1024, and how", size)
    .option("--max-memory <bytes>", "with --plan: most that it may take, such as 6GB (default: what the machine has)")
    .option("--part <name=path>", "with --plan: a part by its own path, such as vae=ae.safetensors", part, {})
    .option("--json", "print one JSON object")
    .allowExcessArguments(false)
    .action(async (folder: string, flags: InfoFlags) => {
      const { variant, json, plan: asked, maxMemory, part: parts } = flags;
      const { inspectModel, planModel } = await import("@latentkit/backend-local");
      if (asked === undefined && (maxMemory !== undefined || Object.keys(parts).length > 0))
        throw new UsageError("--max-memory and --part go with --plan");
      const info = await inspectModel(folder, variant);
      const own = { ...asked, parts, ...(variant && { variant }), ...(maxMemory && { maxMemory }) };
      const plan = asked === undefined ? undefined : await planModel(folder, own);
      if (json) stdout.write(`${JSON.stringify({ ...info, ...(plan && { plan }) }, undefined, 2)}\n`);
      else stdout.write(`${table(info)}\n${plan === undefined ? "" : `\n${planTable(plan)}\n`}`);
    });
}

interface InfoFlags {
  variant?: string;
  json?: boolean;
  plan?: { width: number; height: number };
  maxMemory?: string;
  part: Record<string, string>;
}

function size(text: string): { width: number; height: number } {
  const [, width, height] = /^(\d{1,5})[x×](\d{1,5})$/i.exec(text) ?? [];
  if (width === undefined) throw new InvalidArgumentError("must be a width and a height, such as 1024x1024.");
  return { width: Number(width), height: Number(height) };
}

function part(text: string, known: Record<string, string>): Record<string, string> {
  const [, name, path] = /^(\w+)=(.+)$/.exec(text) ?? [];
  if (name === undefined)
    throw new InvalidArgumentError("must be a part's name and its path, such as vae=ae.safetensors.");
  return { ...known, [name]: path! };
}

/** A plan as rows: what each network takes in its turn, and what that comes to. */
function planTable(plan: MemoryPlan): string {
  const { width, height, networks, keeps, packs, striped, peak, mapped, limit } = plan;
  const packed = networks.some((each) => each.packed > 0);
  const how = [
    keeps ? "all stay loaded" : "text encoder, denoising network and VAE take turns",
    ...(packed ? ["integer weights laid out for their products"] : []),
    ...(packs ? [] : ["integer weights left in their file, two to three times as slow"]),
    striped ? "the VAE in stripes or bands" : "the VAE whole",
  ];
  return columns([
    ["plan", `${width}×${height}, on the CPU`],
    ...networks.map(({ network, between, packed: laidOut, mapped: files }): [string, string] => [
      network,
      `${scaled(between + laidOut)}B of its own, ${scaled(files)}B of files in place`,
    ]),
    ["how", how.join("; ")],
    ["peak", `${scaled(peak)}B of ${scaled(limit)}B, beside ${scaled(mapped)}B of files at a time`],
  ]);
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
    const { layers = {}, triggerWords = [], tags = [], controls = [] } = adapter;
    rows.push(
      ["controls", controls.join(", ")],
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
