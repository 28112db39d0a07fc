import type { Client } from "@latentkit/core";
import { Option } from "commander";
import type { CliIo } from "../run-cli.ts";
import { onInterrupt } from "../terminal/interrupt.ts";
import { openClient } from "./open-client.ts";

/** Flags that say which backend and model are meant. */
export interface ClientFlags {
  backend?: string;
  model?: string;
  url?: string;
  config?: string;
}

/** The options of a command that asks a backend, and makes no picture. */
export function clientOptions(): Option[] {
  return [
    new Option(
      "--backend <name>",
      "local, replicate, comfy, http, openai, ai-sdk, queue, a1111 (default: as configured, else local)",
    ),
    new Option("--model <dir|file|id>", "the model, as the backend names it (default: the backend's own)"),
    new Option("--url <url>", "a remote backend's server or API base"),
    new Option("--config <file>", "configuration file (default: latentkit.config.* in the working folder)"),
  ];
}

/** Asks something of the client that the flags mean, which is disposed of afterwards. */
export async function withClient(
  flags: ClientFlags,
  io: CliIo,
  ask: (client: Client, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const interrupt = onInterrupt();
  const client = await openClient(flags, { model: flags.model }, io.env);
  try {
    await ask(client, interrupt.signal);
  } finally {
    interrupt.release();
    await client.dispose();
  }
}
