import { workflowError } from "../comfy-error.ts";
import { isLink } from "../graph/graph.ts";
import { childrenOf, type InputSpec } from "../server/input-spec.ts";
import type { ObjectInfo } from "../server/object-info.ts";
import { ConvertedWorkflow } from "./converted-workflow.ts";
import { type OutputSpec, readApi, unwrapped } from "./define-workflow.ts";
import type { ParameterSpec, Target } from "./parameters.ts";
import { type Conversion, convertUi } from "./ui-to-api.ts";
import { isUiWorkflow, type UiWorkflow } from "./ui-workflow.ts";

/** A value that a workflow has, which a parameter could take the place of. */
export interface WorkflowInput extends Target {
  /** The node's title. */
  title: string;
  value: unknown;
  /** What a parameter for it is. */
  spec: ParameterSpec;
}

/** What a workflow needs and gives, on one server. */
export interface WorkflowInspection {
  format: "editor" | "api";
  /** Values of its nodes; of an editor's file also the fields that its subgraphs show, first. */
  inputs: WorkflowInput[];
  /** Ends that leave something behind. */
  outputs: (Required<OutputSpec> & { title: string; classType: string })[];
  /** Files that its values name, and whether the server has each. */
  models: { file: string; node: string; input: string; isThere: boolean; directory?: string; url?: string }[];
  /** Nodes that the server does not have. */
  missing: { node: string; type: string; pack?: string }[];
  /** The graph, as far as the server has its nodes, and what names lead to. */
  converted: ConvertedWorkflow;
}

const modelFile = /\.(safetensors|sft|ckpt|pt|pth|bin|gguf|onnx)$/i;

/**
 * Looks into a workflow without running it: nodes that the server lacks are told, not thrown.
 *
 * @param workflow parsed JSON, as for `defineWorkflow`.
 * @throws ConfigError when it is no workflow.
 */
export function inspectWorkflow(given: unknown, info: ObjectInfo): WorkflowInspection {
  const { workflow } = unwrapped(given);
  let conversion: Conversion | undefined;
  let graph: ConvertedWorkflow["graph"];
  if (isUiWorkflow(workflow)) {
    conversion = convertUi(workflow as UiWorkflow, info);
    graph = conversion.graph;
  } else graph = readApi(workflow);
  const converted = new ConvertedWorkflow(graph, conversion === undefined ? {} : { conversion });
  const missing = conversion
    ? conversion.missing.map((text) => missingOf(text, conversion.workflow))
    : Object.entries(graph).flatMap(([node, { class_type: type }]) => (info.has(type) ? [] : [{ node, type }]));
  return {
    format: conversion === undefined ? "api" : "editor",
    inputs: [...shownInputs(conversion, info), ...inputsOf(converted, info)],
    outputs: outputsOf(converted, info),
    models: modelsOf(converted, info, conversion?.workflow),
    missing,
    converted,
  };
}

/**
 * The parameter that a name such as `Sample.seed` or `12.cfg` stands for: a node by its id or title, and its input.
 *
 * @throws ConfigError when the workflow has no such node or input.
 */
export function inputNamed({ converted }: WorkflowInspection, name: string, info: ObjectInfo): ParameterSpec {
  let failure: unknown;
  for (let at = name.indexOf("."); at > 0; at = name.indexOf(".", at + 1)) {
    const target = { node: name.slice(0, at), input: name.slice(at + 1) };
    try {
      const [first] = converted.targets(target, name);
      const input = first === undefined ? undefined : specOf(converted, first, info);
      return { ...target, ...kindOf(input) } as ParameterSpec;
    } catch (error) {
      // Of several ways to read it, the one whose node there is tells more.
      if (failure === undefined || !/there is no node/.test((error as Error).message)) failure = error;
    }
  }
  throw failure ?? workflowError(`"${name}": name a node and its input, such as KSampler.seed.`);
}

function specOf({ graph }: ConvertedWorkflow, { node, input }: Target, info: ObjectInfo): InputSpec | undefined {
  const { class_type: type, inputs } = graph[node]!;
  const declared = info.node(type)?.inputs.flatMap((spec) => [spec, ...childrenOf(spec, inputs)]);
  return declared?.find(({ name }) => name === input);
}

/** What a parameter that goes into an input takes. */
function kindOf(input: InputSpec | undefined): Record<string, unknown> {
  switch (input?.kind) {
    case "number": {
      if (input.integer && typeof input.max === "bigint") return { type: "seed" };
      const bounds = Object.entries({ min: input.min, max: input.max }).filter(
        ([, value]) => typeof value === "number",
      );
      return { type: input.integer ? "integer" : "number", ...Object.fromEntries(bounds) };
    }
    case "boolean":
      return { type: "boolean" };
    case "combo": {
      if (input.upload) return { type: "image" };
      const choices = input.options.filter((option) => typeof option === "string");
      return choices.length === 0 || input.remote || input.many ? { type: "string" } : { type: "choice", choices };
    }
    case "dynamic":
      return { type: "choice", choices: input.options };
    default:
      return { type: "string" };
  }
}

function shownInputs(conversion: Conversion | undefined, info: ObjectInfo): WorkflowInput[] {
  if (conversion === undefined) return [];
  const converted = new ConvertedWorkflow(conversion.graph, { conversion });
  return [...conversion.hosts].flatMap(([id, { node }]) =>
    [...node.shown].flatMap(([input, { value }]): WorkflowInput[] => {
      const isLinked = node.slots.find(({ name }) => name === input)?.link !== undefined;
      const target = { node: id, input };
      const [first] = isLinked ? [] : converted.targets(target, input);
      if (first === undefined || conversion.graph[first.node] === undefined) return [];
      const spec = { ...target, ...kindOf(specOf(converted, first, info)) } as ParameterSpec;
      return [{ ...target, title: node.title, value, spec }];
    }),
  );
}

function inputsOf(converted: ConvertedWorkflow, info: ObjectInfo): WorkflowInput[] {
  return Object.entries(converted.graph).flatMap(([node, { class_type: type, inputs, _meta }]) =>
    Object.entries(inputs).flatMap(([input, value]): WorkflowInput[] => {
      const target = { node, input };
      const declared = specOf(converted, target, info);
      if (isLink(value) || (info.has(type) && declared === undefined) || declared?.kind === "value") return [];
      return [
        { ...target, title: _meta?.title ?? type, value, spec: { ...target, ...kindOf(declared) } as ParameterSpec },
      ];
    }),
  );
}

function outputsOf({ graph }: ConvertedWorkflow, info: ObjectInfo): WorkflowInspection["outputs"] {
  return Object.entries(graph).flatMap(([node, { class_type: classType, _meta }]) => {
    if (info.node(classType)?.isOutput !== true) return [];
    const isText = /text|string|PreviewAny|ShowAny/i.test(classType) && !/save/i.test(classType);
    const kind = /^(SaveImage|PreviewImage)/.test(classType) ? "images" : isText ? "text" : "files";
    return [{ node, kind, classType, title: _meta?.title ?? classType } as const];
  });
}

function modelsOf(
  { graph }: ConvertedWorkflow,
  info: ObjectInfo,
  saved: UiWorkflow | undefined,
): WorkflowInspection["models"] {
  const parts = saved === undefined ? [] : [saved, ...(saved.definitions?.subgraphs ?? [])];
  const told = parts.flatMap(({ nodes }) => nodes).flatMap(({ properties }) => properties?.["models"] ?? []);
  const known = new Map((told as Record<string, string>[]).map((model) => [model["name"], model]));
  const found = Object.entries(graph).flatMap(([node, { class_type: type, inputs }]) =>
    Object.entries(inputs).flatMap(([input, file]) => {
      if (typeof file !== "string" || !modelFile.test(file)) return [];
      const { directory, url } = known.get(file) ?? {};
      const isThere = info.choices(type, input).includes(file);
      return [{ file, node, input, isThere, ...(directory ? { directory } : {}), ...(url ? { url } : {}) }];
    }),
  );
  return [...new Map(found.map((model) => [`${model.file} ${model.input}`, model])).values()];
}

/** What the file says of the pack that a missing node is from. */
function missingOf(text: string, { nodes, definitions }: UiWorkflow): WorkflowInspection["missing"][number] {
  const [, node = text, type = ""] = /^(\S+) \((.*)\)$/s.exec(text) ?? [];
  const all = [...nodes, ...(definitions?.subgraphs ?? []).flatMap((subgraph) => subgraph.nodes)];
  const { properties } = all.find((own) => own.type === type) ?? {};
  const pack = properties?.["cnr_id"] ?? properties?.["aux_id"];
  return { node, type, ...(typeof pack === "string" ? { pack } : {}) };
}
