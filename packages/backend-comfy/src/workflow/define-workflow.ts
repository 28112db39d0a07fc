import { ConfigError } from "@latentkit/core";
import { comfyDetails } from "../comfy-error.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import type { ObjectInfo } from "../server/object-info.ts";
import { type ParameterSpecs, type ParameterValues, targetsOf } from "./parameters.ts";
import { readUiWorkflow } from "./read-ui-workflow.ts";
import { uiToApi } from "./ui-to-api.ts";
import { isUiWorkflow } from "./ui-workflow.ts";
import type { WorkflowFile } from "./workflow-file.ts";

/**
 * What is read from a node when the workflow has run: `"images"` (also those of SaveImageWebsocket), `"files"` of any
 * kind (videos, audio), `"text"`, or the node's whole output as it reported it.
 */
export interface OutputSpec {
  /** The node, by its id or title. */
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
  graph(info: ObjectInfo): Graph;
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
  /** Parsed JSON: "Save (API Format)" or, when `definition` is run, what the editor saves. */
  workflow: unknown;
  parameters: P;
  outputs: O;
}): Workflow<P, O> {
  const { workflow, parameters, outputs } = definition;
  const check = (graph: Graph): Graph => {
    for (const [name, spec] of Object.entries(parameters)) {
      for (const { node, input } of targetsOf(spec)) {
        if (graph[findNode(graph, node, `parameters.${name}`)]!.inputs[input] === undefined && !spec.required) {
          const has = Object.keys(graph[findNode(graph, node, name)]!.inputs).join(", ");
          throw broken(`parameters.${name}`, `node "${node}" has no input "${input}"; it has ${has}`);
        }
      }
    }
    for (const [name, { node }] of Object.entries(outputs)) findNode(graph, node, `outputs.${name}`);
    return graph;
  };
  if (isUiWorkflow(workflow)) {
    const saved = readUiWorkflow(workflow);
    return { parameters, outputs, graph: (info) => check(uiToApi(saved, info)) };
  }
  const graph = check(readApi(workflow));
  return { parameters, outputs, graph: () => structuredClone(graph) };
}

/** A node's id, from its id or title. @throws ConfigError when there is none, or several have the title. */
export function findNode(graph: Graph, name: string, field: string): string {
  if (name in graph) return name;
  const titled = Object.entries(graph).filter(([, node]) => node._meta?.title === name);
  if (titled.length === 1) return titled[0]![0];
  const known = Object.entries(graph).map(([id, { class_type, _meta }]) => `${id} (${_meta?.title ?? class_type})`);
  const why = titled.length > 1 ? `several nodes have the title "${name}"` : `there is no node "${name}"`;
  throw broken(field, `${why}; nodes are ${known.slice(0, 30).join(", ")}`);
}

/** Reads API format; every node gets `inputs`, whose absence would kill the server's worker. */
function readApi(workflow: unknown): Graph {
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
  return new ConfigError(`defineWorkflow: ${field}: ${message}`, comfyDetails());
}
