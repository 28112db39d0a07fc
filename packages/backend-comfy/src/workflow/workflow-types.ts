import type { WorkflowInspection } from "./inspect-workflow.ts";
import type { ParameterSpec } from "./parameters.ts";

/** What the head of a generated file says, and what its function is called. */
export interface WorkflowTypesOptions {
  /** The workflow's file. */
  source: string;
  /** The function's name. */
  name: string;
}

/**
 * A TypeScript module with a workflow as a typed function: its values by name, all optional, and its outputs. An
 * editor's file gives the fields that its subgraphs show and the values of the nodes outside; one in API format all.
 *
 * @param text the workflow's JSON, as it stands in its file.
 */
export function generateWorkflowFunction(
  { inputs, outputs }: Pick<WorkflowInspection, "inputs" | "outputs">,
  text: string,
  { source, name }: WorkflowTypesOptions,
): string {
  const names = new Set<string>();
  const unique = (words: string) => {
    const base = camel(words);
    let own = base;
    for (let number = 2; names.has(own); number++) own = `${base}${number}`;
    names.add(own);
    return own;
  };
  const parameters = inputs
    .filter(({ node }) => !node.includes(":"))
    .map(({ title, input, spec }) => `  ${unique(`${title} ${input}`)}: ${literal(spec)},`);
  names.clear();
  const ends = outputs.map(({ title, node, kind }) => `  ${unique(title)}: ${JSON.stringify({ node, kind })},`);
  return [
    `// The workflow of ${source.replace(/\s+/g, " ")}, written by \`latentkit comfy types --workflow\`. Do not edit.`,
    'import { type ComfyBackend, defineWorkflow, type ParameterValues, parseWorkflow, type RunOptions } from "@latentkit/backend-comfy";',
    "",
    "/** What can be set; what is left out stays as the file has it. */",
    "export const parameters = {",
    ...parameters,
    "} as const;",
    "/** What comes back. */",
    "export const outputs = {",
    ...ends,
    "} as const;",
    `const workflow = defineWorkflow({ workflow: parseWorkflow(${JSON.stringify(text)}), parameters, outputs });`,
    "",
    "/** Runs the workflow on a server. */",
    `export function ${name}(`,
    '  backend: Pick<ComfyBackend, "run">,',
    "  values: ParameterValues<typeof parameters> = {},",
    "  options: RunOptions = {},",
    ") {",
    "  return backend.run(workflow, values, options);",
    "}",
    "",
  ].join("\n");
}

function literal(spec: ParameterSpec): string {
  return JSON.stringify(spec);
}

/** Words as one name: `Sample seed` is `sampleSeed`. */
function camel(words: string): string {
  const parts = words.split(/[^\p{L}\p{N}]+/u).filter((part) => part !== "");
  const joined = parts
    .map((part, place) => (place === 0 ? part[0]!.toLowerCase() : part[0]!.toUpperCase()) + part.slice(1))
    .join("");
  return /^\p{L}/u.test(joined) ? joined : `value${joined}`;
}
