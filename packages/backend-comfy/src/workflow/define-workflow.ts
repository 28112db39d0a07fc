import type { ConfigError } from "@latentkit/core";
import { workflowError } from "../comfy-error.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import type { ObjectInfo } from "../server/object-info.ts";
import { ConvertedWorkflow } from "./converted-workflow.ts";
import { type ParameterSpecs, type ParameterValues, targetsOf } from "./parameters.ts";
import { readUiWorkflow } from "./read-ui-workflow.ts";
import { type ConvertOptions, convertUi, missingNodes } from "./ui-to-api.ts";
import { isUiWorkflow } from "./ui-workflow.ts";
import type { WorkflowFile } from "./workflow-file.ts";

/**
 * What is read from a node when the workflow has run: `"images"` (also those of SaveImageWebsocket), `"files"` of any
 * kind (videos, audio), `"text"`, or the node's whole output as it reported it.
 */
export interface OutputSpec {
  /** The node, by its id or title; one in a subgraph also by the way to it, such as `Sample:Save`. */
  node: string;
  kind?: "images" | "files" | "text" | "raw";
}
/** A workflow's outputs by name. */
export type OutputSpecs = Readonly<Record<string, OutputSpec>>;

type OutputOf<S extends OutputSpec> = S extends { kind: "text" }
  ? string[]
  : S extends { kind: "raw" }
    ? Record<string, unknown>
    : WorkflowFile[];
/** What a run gives, by output name. */
export type OutputValues<O extends OutputSpecs> = { [K in keyof O]: OutputOf<O[K]> };

/** A workflow of the user's own as a typed function's description. */
export interface Workflow<P extends ParameterSpecs = ParameterSpecs, O extends OutputSpecs = OutputSpecs> {
  readonly parameters: P;
  readonly outputs: O;
  /** The graph in API format; the format that ComfyUI's editor saves is converted, which takes the node definitions. */
  graph(info: ObjectInfo, options?: ConvertOptions): Graph;
  /** The same, with what names of nodes and inputs lead to. */
  convert(info: ObjectInfo, options?: ConvertOptions): ConvertedWorkflow;
  /** Only there for the types. */
  readonly values?: ParameterValues<P>;
}

/**
 * Gives a workflow named, typed parameters and outputs.
 *
 * @example
 * ```ts
 * const portrait = defineWorkflow({
 *   workflow: JSON.parse(await readFile("portrait.json", "utf8")),
 *   parameters: { prompt: { node: "6", input: "text", type: "string", required: true }, seed: { node: "3", input: "seed", type: "seed" } },
 *   outputs: { picture: { node: "9" } },
 * });
 * const { outputs } = await backend.run(portrait, { prompt: "a fox" });
 * ```
 * @throws ConfigError when the JSON is no workflow, or a parameter or output names a node that it does not have.
 */
export function defineWorkflow<const P extends ParameterSpecs, const O extends OutputSpecs>(definition: {
  /** Parsed JSON: what the editor saves, or "Export (API)", also in an envelope such as `{ "prompt": … }`. */
  workflow: unknown;
  parameters: P;
  outputs: O;
}): Workflow<P, O> {
  const { parameters, outputs } = definition;
  const check = (converted: ConvertedWorkflow): ConvertedWorkflow => {
    for (const [name, spec] of Object.entries(parameters)) {
      for (const target of targetsOf(spec)) converted.targets(target, `parameters.${name}`, spec.required);
    }
    for (const [name, { node }] of Object.entries(outputs)) converted.find(node, `outputs.${name}`);
    return converted;
  };
  const { workflow, pngInfo } = unwrapped(definition.workflow);
  let convert: Workflow["convert"];
  if (isUiWorkflow(workflow)) {
    const saved = readUiWorkflow(workflow);
    convert = (info, options) => {
      const conversion = convertUi(saved, info, options);
      if (conversion.missing.length > 0) throw missingNodes(conversion.missing);
      return check(new ConvertedWorkflow(structuredClone(conversion.graph), { conversion }));
    };
  } else {
    const graph = readApi(workflow);
    check(new ConvertedWorkflow(graph));
    convert = () => new ConvertedWorkflow(structuredClone(graph), pngInfo === undefined ? {} : { pngInfo });
  }
  return { parameters, outputs, convert, graph: (info, options) => convert(info, options).graph };
}

/**
 * What is in an envelope: `{ "prompt": … }` as `POST /prompt` takes it, with the editor's file where it came along, or
 * `{ "workflow": …, "output": … }`, of which the second is what ran.
 */
export function unwrapped(given: unknown): { workflow: unknown; pngInfo?: unknown } {
  const envelope = (typeof given === "object" && given !== null ? given : {}) as Record<string, unknown>;
  const { prompt, output, workflow, extra_data: extra } = envelope;
  const isGraph = (value: unknown) =>
    typeof value === "object" && value !== null && !("class_type" in value) && !isUiWorkflow(value);
  if (isGraph(prompt)) {
    const { extra_pnginfo: pngInfo } = (extra ?? {}) as Record<string, unknown>;
    return { workflow: prompt, ...(pngInfo === undefined ? {} : { pngInfo }) };
  }
  if (isUiWorkflow(workflow) && isGraph(output)) return { workflow: output, pngInfo: { workflow } };
  return { workflow: isUiWorkflow(workflow) ? workflow : given };
}

/** Reads API format; every node gets `inputs`, whose absence would kill the server's worker. */
export function readApi(workflow: unknown): Graph {
  const entries = typeof workflow === "object" && workflow !== null ? Object.entries(workflow) : [];
  if (entries.length === 0)
    throw broken("workflow", "must be a workflow's JSON, in API format or as the editor saves it");
  return Object.fromEntries(
    entries.map(([id, value]): [string, GraphNode] => {
      const node = value as Partial<GraphNode> | null;
      if (typeof node?.class_type !== "string") throw broken("workflow", `node "${id}" has no class_type`);
      return [id, { ...node, class_type: node.class_type, inputs: { ...node.inputs } }];
    }),
  );
}

function broken(field: string, message: string): ConfigError {
  return workflowError(`defineWorkflow: ${field}: ${message}`);
}
