import { readConfig } from "@latentkit/core";
import type { Listening, LogEntry, ServeOptions } from "@latentkit/server";
import { Command, Option } from "commander";
import { type ClientFlags, clientOptions } from "../generate/client-flags.ts";
import { openClient } from "../generate/open-client.ts";
import { several } from "../generate/request-flags.ts";
import { whole } from "../generate/sampling-flags.ts";
import { UsageError } from "../report-error.ts";
import type { CliIo, MakeCommand } from "../run-cli.ts";
import { onInterrupt } from "../terminal/interrupt.ts";

interface ServeFlags extends ClientFlags {
  host?: string;
  port?: number;
  insecure?: boolean;
  apiKeyHash?: string[];
  newKey?: boolean;
  allowModel?: string[];
  allowLora?: string[];
  allowHost?: string[];
  cors?: string[];
  inputHost?: string[];
  log?: "text" | "json" | "none";
  logPrompts?: boolean;
  state?: string;
}

const help = `
Examples:
  $ latentkit serve
  $ latentkit serve --model ~/models/sd15.safetensors --allow-lora ink=/models/ink.safetensors
  $ latentkit serve --new-key                                        # prints a key and its hash
  $ latentkit serve --host 0.0.0.0 --api-key-hash sha256:9f86d0…     # others may call, with that key
  $ latentkit serve --backend comfy --url http://gpu-box:8188

What it speaks: our own API (/v1/jobs), OpenAI's images (/v1/images/generations), A1111's (/sdapi/v1), MCP (/mcp), and a page (/).
Every setting is in docs/server.md; those without a flag stand under "server" in latentkit.config.json.
LATENTKIT_API_KEYS has keys in plain text, with commas; they are kept as hashes.`;

/** `latentkit serve`: a client over HTTP. */
export const serveCommand: MakeCommand = (io, setExitCode) => {
  const word = (text: string) => text;
  const command = new Command("serve")
    .description("serve pictures over HTTP: our own API, OpenAI's, A1111's, MCP, and a page")
    .option("--host <address>", "address to listen on (default: 127.0.0.1, this machine alone)")
    .option("--port <n>", "port to listen on (default: 8188, or the next that is free)", whole)
    .option("--insecure", "let other machines in without a key")
    .addOption(several("--api-key-hash <hash>", "hash of a key that clients may show; again for more", word))
    .option("--new-key", "print a fresh key and its hash, and do nothing else")
    .addOption(several("--allow-model <name[=path]>", "a model that clients may name; again for more", word))
    .addOption(several("--allow-lora <name[=path]>", "a LoRA that clients may name; again for more", word))
    .addOption(several("--allow-host <name>", "a host name that the server is addressed by; again for more", word))
    .addOption(several("--cors <origin>", "an origin whose pages may call; again for more", word))
    .addOption(several("--input-host <name>", "a host that input pictures are fetched from; again for more", word))
    .addOption(
      new Option("--log <how>", "a line for each request and job").choices(["text", "json", "none"]).default("text"),
    )
    .option("--log-prompts", "with the prompts")
    .option("--state <folder>", "write unfinished jobs and idempotency keys down, for after a crash")
    .allowExcessArguments(false)
    .addHelpText("after", help)
    .action(async (flags: ServeFlags) => setExitCode(await run(flags, io)));
  for (const option of clientOptions()) command.addOption(option);
  return command;
};

async function run(flags: ServeFlags, io: CliIo): Promise<number> {
  // Loaded only where it is used: other commands start without it.
  const { hashApiKey, newApiKey, serve } = await import("@latentkit/server");
  if (flags.newKey) {
    const key = newApiKey();
    io.stdout.write(`key   ${key}\nhash  ${hashApiKey(key)}\n`);
    return 0;
  }
  const { server: configured = {} } = await readConfig(process.cwd(), flags.config);
  const interrupt = onInterrupt();
  const client = await openClient(flags, { model: flags.model, isDefault: true }, io.env);
  try {
    const options = { ...configured, ...optionsOf(flags, configured, hashApiKey, io) };
    await untilStopped(interrupt.signal, client.backend.id, await serve(client, options), io);
    return 0;
  } finally {
    interrupt.release();
    await client.dispose();
  }
}

async function untilStopped(signal: AbortSignal, backend: string, listening: Listening, io: CliIo): Promise<void> {
  io.stderr.write(`latentkit: serving ${backend} at ${listening.url} (Ctrl-C stops it)\n`);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  io.stderr.write("latentkit: finishing what runs; Ctrl-C again ends it at once\n");
  await listening.close();
}

/** `latentkit mcp`: the same client for one agent, over standard input and output. */
export const mcpCommand: MakeCommand = (io, setExitCode) => {
  const command = new Command("mcp")
    .description("serve an agent over standard input and output, by the Model Context Protocol")
    .addOption(
      several("--allow-model <name[=path]>", "a model that the agent may name; again for more", (text) => text),
    )
    .addOption(several("--allow-lora <name[=path]>", "a LoRA that the agent may name; again for more", (text) => text))
    .allowExcessArguments(false)
    .action(async (flags: ServeFlags) => {
      const { serveMcp } = await import("@latentkit/server");
      const interrupt = onInterrupt();
      const client = await openClient(flags, { model: flags.model, isDefault: true }, io.env);
      try {
        const { allowModel = [], allowLora = [] } = flags;
        const mcp = serveMcp(client, { models: table(allowModel), loras: table(allowLora) });
        // The agent ends it by closing standard input.
        await new Promise((resolve) => {
          process.stdin.once("close", resolve).once("end", resolve);
          interrupt.signal.addEventListener("abort", resolve, { once: true });
        });
        await mcp.close();
        setExitCode(0);
      } finally {
        interrupt.release();
        await client.dispose();
      }
    });
  for (const option of clientOptions()) command.addOption(option);
  return command;
};

function optionsOf(
  flags: ServeFlags,
  configured: ServeOptions,
  hashApiKey: (key: string) => string,
  io: CliIo,
): ServeOptions {
  const { host, port, insecure, allowModel, allowLora, allowHost, cors, inputHost, logPrompts } = flags;
  const plain = (io.env.LATENTKIT_API_KEYS ?? "")
    .split(",")
    .map((key) => key.trim())
    .filter((key) => key !== "");
  const short = plain.find((key) => key.length < 16);
  if (short !== undefined)
    throw new UsageError(
      "LATENTKIT_API_KEYS: a key must have 16 characters or more: latentkit serve --new-key makes one",
    );
  const hashes = [...(flags.apiKeyHash ?? []), ...plain.map(hashApiKey)];
  const own = configured.apiKeys ?? {};
  const named = Object.entries(
    Array.isArray(own) ? Object.fromEntries(own.map((hash, i) => [`configured-${i + 1}`, hash])) : own,
  );
  const apiKeys = Object.fromEntries([...named, ...hashes.map((hash, i) => [`key-${i + 1}`, hash])]);
  const given = {
    host,
    port,
    insecure,
    logPrompts,
    stateFolder: flags.state,
    cors,
    models: allowModel && table(allowModel),
    loras: allowLora && table(allowLora),
    hosts: allowHost,
    inputHosts: inputHost,
    log: flags.log === "none" ? undefined : logTo(io, flags.log === "json"),
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return Object.keys(apiKeys).length === 0 ? set : { ...set, apiKeys };
}

function table(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf("=");
      return at < 0 ? [entry, entry] : [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

function logTo(io: CliIo, isJson: boolean): (entry: LogEntry) => void {
  return (entry) => io.stderr.write(`${isJson ? JSON.stringify(entry) : line(entry)}\n`);
}

function line({ time, type, key, method, path, status, ms, job, outcome, code, prompt, requestId }: LogEntry): string {
  const what = type === "request" ? `${method} ${path} ${status}` : `job ${outcome}`;
  const about = [key, job, code, prompt === undefined ? undefined : JSON.stringify(prompt), requestId];
  return [time.slice(11, 23), what, `${ms} ms`, ...about.filter((part) => part !== undefined && part !== "")].join(" ");
}
