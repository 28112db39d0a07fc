import type { WorkflowInspection } from "@latentkit/backend-comfy";
import type { CliIo } from "../run-cli.ts";
import { readWorkflowText, type ServerFlags, withServer } from "./server.ts";

/** Prints what a workflow takes, gives and needs. */
export async function inspect(path: string, flags: ServerFlags & { json?: boolean }, io: CliIo): Promise<void> {
  const { inspectWorkflow, parseWorkflow, stringifyWorkflow } = await import("@latentkit/backend-comfy");
  const workflow = parseWorkflow(await readWorkflowText(path));
  const found = await withServer(flags, io, async ({ server }) => inspectWorkflow(workflow, await server.objectInfo()));
  const { converted: _, ...told } = found;
  io.stdout.write(flags.json ? `${stringifyWorkflow(told)}\n` : describe(found).join("\n"));
}

function describe({ format, inputs, outputs, models, missing }: WorkflowInspection): string[] {
  const titled = inputs.map(({ node, title, input, value, spec }) => {
    const shown = short(typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? ""));
    return `  ${node}.${input} = ${shown}  (${clean(title)}: ${spec.type})`;
  });
  const section = (name: string, lines: string[], none: string) => [
    `${name}:`,
    ...(lines.length > 0 ? lines : [`  ${none}`]),
  ];
  return [
    format === "editor" ? "A file of ComfyUI's editor." : "A workflow in API format.",
    ...section("Values", titled, "none"),
    ...section(
      "Outputs",
      outputs.map(({ node, classType, title, kind }) => `  ${node}  ${clean(title)} (${classType}): ${kind}`),
      "none: nothing would run",
    ),
    ...section(
      "Models",
      models.map(({ file, node, isThere, directory, url }) => {
        const where = [directory, url].filter((part) => part !== undefined).join(", ");
        return `  ${isThere ? "there  " : "MISSING"}  ${clean(file)} (node ${node})${isThere || where === "" ? "" : `: ${clean(where)}`}`;
      }),
      "none",
    ),
    ...section(
      "Missing nodes",
      missing.map(
        ({ node, type, pack }) => `  ${node}  ${clean(type)}${pack === undefined ? "" : ` (of ${clean(pack)})`}`,
      ),
      "none",
    ),
    "",
  ];
}

function short(text: string): string {
  return clean(text.length > 60 ? `${text.slice(0, 57)}…` : text);
}

/** A file's words, without what a terminal would take for orders. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, " ");
}
