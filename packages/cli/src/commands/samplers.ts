import { samplerNames, samplerOptions, schedulerNames, schedulerOptions } from "@latentkit/core/diffusion";
import { Command } from "commander";
import { type ClientFlags, clientOptions, withClient } from "../generate/client-flags.ts";
import type { MakeCommand } from "../run-cli.ts";
import { columns } from "../terminal/columns.ts";

/** `latentkit samplers`: what `--sampler` and `--scheduler` take. */
export const samplersCommand: MakeCommand = (io) => {
  const command = new Command("samplers")
    .description("list the samplers and schedulers of a backend, with their own options where it is this machine")
    .option("--json", "print one JSON object")
    .allowExcessArguments(false)
    .action((flags: ClientFlags & { json?: boolean }) =>
      withClient(flags, io, async (client, signal) => {
        const { samplers, schedulers } = await client.capabilities(flags.model, { signal });
        const isOwn = client.backend.id === "local";
        const lists = {
          samplers: samplers === "any" ? [...samplerNames] : [...samplers],
          schedulers: schedulers === "any" ? [...schedulerNames] : [...schedulers],
        };
        if (flags.json) return void io.stdout.write(`${JSON.stringify(lists, undefined, 2)}\n`);
        const optionsOf = (table: Readonly<Record<string, object>>, name: string) =>
          isOwn && Object.hasOwn(table, name) ? Object.keys(table[name]!).join(", ") : "";
        const list = (names: readonly string[], table: Readonly<Record<string, object>>) =>
          names.length === 0
            ? "  none can be chosen"
            : columns(names.map((name) => [`  ${name}`, optionsOf(table, name)]));
        io.stdout.write(
          `samplers\n${list(lists.samplers, samplerOptions)}\nschedulers\n${list(lists.schedulers, schedulerOptions)}\n`,
        );
      }),
    );
  for (const option of clientOptions()) command.addOption(option);
  return command;
};
