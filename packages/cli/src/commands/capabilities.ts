import { type Capabilities, featureNames, type Range } from "@latentkit/core";
import { Command } from "commander";
import { type ClientFlags, clientOptions, withClient } from "../generate/client-flags.ts";
import { fieldToFlag } from "../generate/flags.ts";
import type { MakeCommand } from "../run-cli.ts";
import { columns } from "../terminal/columns.ts";

/** `latentkit capabilities`: what a backend can do with a model. */
export const capabilitiesCommand: MakeCommand = (io) => {
  const command = new Command("capabilities")
    .description(
      "print what a backend can do with a model: tasks, sizes, samplers, and what it does where a request is silent",
    )
    .option("--json", "print one JSON object")
    .allowExcessArguments(false)
    .action((flags: ClientFlags & { json?: boolean }) =>
      withClient(flags, io, async (client, signal) => {
        const found = await client.capabilities(flags.model, { signal });
        io.stdout.write(`${flags.json ? JSON.stringify(found, undefined, 2) : table(found)}\n`);
      }),
    );
  for (const option of clientOptions()) command.addOption(option);
  return command;
};

function table(found: Capabilities): string {
  const { model, defaults = {}, conditioning, controls } = found;
  const missing = featureNames.filter((name) => !found.features.includes(name));
  const rows: [string, string][] = [
    ["backend", found.backend],
    ["model", model === undefined ? "" : `${model.id}${model.hash === undefined ? "" : ` (${model.hash})`}`],
    ["tasks", found.tasks.join(", ")],
    [
      "defaults",
      Object.entries(defaults)
        .map(([field, value]) => `${fieldToFlag(field)} ${value}`)
        .join(", "),
    ],
    [
      "limits",
      Object.entries(found.limits)
        .map(([field, range]) => `${fieldToFlag(field)} ${describe(range)}`)
        .join(", "),
    ],
    ["sizes", (found.sizes ?? []).map(([width, height]) => `${width}×${height}`).join(", ")],
    [
      "options",
      Object.entries(found.options ?? {})
        .map(([name, values]) => `${name} ${values.join("|")}`)
        .join(", "),
    ],
    ["prompt", found.maxPromptTokens === undefined ? "" : `up to ${found.maxPromptTokens} tokens`],
    ["samplers", names(found.samplers)],
    ["schedulers", names(found.schedulers)],
    ["conditioning", conditioning.join(", ") || "none"],
    ["controls", conditioning.includes("control") ? names(controls ?? "any") : ""],
    ["formats", found.outputFormats.join(", ")],
    ["not possible", missing.map(fieldToFlag).join(", ")],
    ["resume", found.resume ? "yes" : "no"],
  ];
  return columns(rows.filter(([, value]) => value !== ""));
}

function describe({ min, max, multipleOf }: Range): string {
  if (min === max) return `${min}`;
  return `${min} to ${max}${multipleOf === undefined || multipleOf === 1 ? "" : `, in multiples of ${multipleOf}`}`;
}

function names(values: readonly string[] | "any"): string {
  if (values === "any") return "any";
  return values.length > 8
    ? `${values.slice(0, 8).join(", ")} … (${values.length}: latentkit samplers)`
    : values.join(", ") || "none";
}
