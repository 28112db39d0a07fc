import { writeFile } from "node:fs/promises";
import { Command } from "commander";
import { UsageError } from "../report-error.ts";
import type { MakeCommand } from "../run-cli.ts";

interface TypesFlags {
  url?: string;
  out?: string;
  only?: string[];
}

/** `latentkit comfy`: what concerns ComfyUI servers alone. */
export const comfyCommand: MakeCommand = ({ stdout, env }) =>
  new Command("comfy").description("work with a ComfyUI server").addCommand(
    new Command("types")
      .description("write TypeScript types of a server's node types")
      .option("--url <url>", "the server's address; COMFYUI_URL, or http://127.0.0.1:8188, where it is left out")
      .option("--out <file>", "write to a file, not to standard output")
      .option("--only <nodes...>", "only these node types")
      .allowExcessArguments(false)
      .action(async ({ url, out, only }: TypesFlags) => {
        const { fromConfig, generateNodeTypes } = await import("@latentkit/backend-comfy");
        const backend = fromConfig(url === undefined ? {} : { url }, env);
        try {
          const info = await backend.server.objectInfo();
          const unknown = only?.find((name) => !info.has(name));
          if (unknown !== undefined) throw new UsageError(`--only: the server has no node type "${unknown}"`);
          const text = generateNodeTypes(info, { source: backend.server.url, ...(only === undefined ? {} : { only }) });
          if (out === undefined) stdout.write(text);
          else await write(out, text);
        } finally {
          await backend.dispose();
        }
      }),
  );

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new UsageError(`--out: cannot write ${file} (${(cause as NodeJS.ErrnoException).code ?? "unknown reason"})`);
  }
}
