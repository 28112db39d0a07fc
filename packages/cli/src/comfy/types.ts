import { basename, extname } from "node:path";
import { UsageError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";
import { readWorkflowText, type ServerFlags, withServer, writeText } from "./server.ts";

/** Writes TypeScript for a server's nodes, or for a workflow. */
export async function types(
  flags: ServerFlags & { out?: string; only?: string[]; workflow?: string },
  io: CliIo,
): Promise<void> {
  const { only, out, workflow } = flags;
  if (workflow !== undefined && only !== undefined) {
    throw new UsageError("--only: names node types, which --workflow has no use for");
  }
  const { generateNodeTypes, generateWorkflowFunction, inspectWorkflow, parseWorkflow } = await import(
    "@latentkit/backend-comfy"
  );
  const file = workflow === undefined ? undefined : await readWorkflowText(workflow);
  const text = await withServer(flags, io, async ({ server }) => {
    const info = await server.objectInfo();
    if (workflow !== undefined && file !== undefined) {
      const found = inspectWorkflow(parseWorkflow(file), info);
      const [missing] = found.missing;
      if (missing !== undefined) {
        throw new UsageError(`--workflow: the server does not have node ${missing.node} (${missing.type})`);
      }
      return generateWorkflowFunction(found, file, { source: basename(workflow), name: nameOf(workflow) });
    }
    const unknown = only?.find((name) => !info.has(name));
    if (unknown !== undefined) throw new UsageError(`--only: the server has no node type "${unknown}"`);
    return generateNodeTypes(info, { source: server.url, ...(only === undefined ? {} : { only }) });
  });
  await writeText(text, out, io);
}

/** A file's name as a function's: `my portrait.json` is `myPortrait`. */
function nameOf(path: string): string {
  const words = basename(path, extname(path))
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== "");
  const name = words.map((word, place) => (place === 0 ? word : word[0]!.toUpperCase() + word.slice(1))).join("");
  return /^[A-Za-z]/.test(name) ? name : `workflow${name}`;
}
