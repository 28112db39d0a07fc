import type { CliIo } from "../run-cli.ts";
import { promptSeedOf, readWorkflowText, type ServerFlags, withServer, writeText } from "./server.ts";

/** Prints a workflow in API format. */
export async function convert(
  path: string,
  flags: ServerFlags & { out?: string; promptSeed?: string },
  io: CliIo,
): Promise<void> {
  const { defineWorkflow, parseWorkflow, stringifyWorkflow } = await import("@latentkit/backend-comfy");
  const options = promptSeedOf(flags.promptSeed);
  const workflow = defineWorkflow({
    workflow: parseWorkflow(await readWorkflowText(path)),
    parameters: {},
    outputs: {},
  });
  const graph = await withServer(flags, io, async ({ server }) => workflow.graph(await server.objectInfo(), options));
  await writeText(`${stringifyWorkflow(graph)}\n`, flags.out, io);
}
