import { type Issue, nearest } from "@latentkit/core";
import { type FieldMap, type Graph, type GraphNode, isLink } from "../graph/graph.ts";
import { childrenOf, type InputSpec } from "./input-spec.ts";
import type { ObjectInfo } from "./object-info.ts";

/** What of a graph a server would refuse, told by request field where the value came from one. Empty when all is well. */
export function checkGraph(graph: Graph, info: ObjectInfo, fields: FieldMap = {}): Issue[] {
  const issues: Issue[] = [];
  for (const [id, node] of Object.entries(graph)) {
    const spec = info.node(node.class_type);
    if (spec === undefined) {
      issues.push(missingNode(id, node, info));
      continue;
    }
    for (const input of spec.inputs.flatMap((declared) => [declared, ...childrenOf(declared, node.inputs)])) {
      const value = node.inputs[input.name];
      const field = fields[`${id}.${input.name}`] ?? `${id}.${input.name}`;
      const message = value === undefined ? missing(input) : checkValue(value, input, graph, info);
      if (message !== undefined) issues.push({ field, message, ...allowed(input) });
    }
  }
  return unique(issues);
}

function missingNode(id: string, { class_type }: GraphNode, info: ObjectInfo): Issue {
  const near = nearest(class_type, [...info.nodes.keys()]);
  const hint = near.length > 0 ? ` (it has ${near.join(", ")})` : "";
  return {
    field: id,
    message: `needs the node type "${class_type}", which the server does not have${hint}: install it there`,
  };
}

function missing(input: InputSpec): string | undefined {
  return input.required && input.kind !== "autogrow" ? `is required: ${describe(input)}` : undefined;
}

function checkValue(value: unknown, input: InputSpec, graph: Graph, info: ObjectInfo): string | undefined {
  if (isLink(value)) return checkLink(value, input, graph, info);
  if (input.kind === "number") return checkNumber(value, input);
  if (input.kind === "combo" || input.kind === "dynamic") return checkChoice(value, input);
  if (input.kind === "link" && value === null) return "must be a link to another node";
  return undefined;
}

function checkLink(
  [from, slot]: readonly [string, number],
  input: InputSpec,
  graph: Graph,
  info: ObjectInfo,
): string | undefined {
  const source = graph[from];
  if (source === undefined) return `links to node "${from}", which is not in the graph`;
  const spec = info.node(source.class_type);
  const output = spec?.outputs[slot];
  if (spec === undefined) return undefined;
  if (output === undefined) return `links to output ${slot} of ${source.class_type}, which has ${spec.outputs.length}`;
  const [given, taken] = [output.type, input.type].map((type) => type.split(","));
  const isAny = [...taken!, ...given!].some((type) => type === "*" || isDynamic(type));
  const fits = isAny || given!.some((type) => taken!.includes(type));
  return fits ? undefined : `takes ${input.type}, but output ${slot} of "${from}" is ${output.type}`;
}

/** Types such as `COMFY_AUTOGROW_V3`, whose inputs and outputs the server makes up as the graph is put together. */
function isDynamic(type: string): boolean {
  return type.startsWith("COMFY_");
}

function checkNumber(value: unknown, input: Extract<InputSpec, { kind: "number" }>): string | undefined {
  if (typeof value !== "number" && typeof value !== "bigint") return `must be ${describe(input)}`;
  const fits =
    (input.min === undefined || value >= input.min) &&
    (input.max === undefined || value <= input.max) &&
    (!input.integer || typeof value === "bigint" || Number.isInteger(value));
  return fits ? undefined : `${value} is not possible here: must be ${describe(input)}`;
}

function checkChoice(value: unknown, input: Extract<InputSpec, { kind: "combo" | "dynamic" }>): string | undefined {
  // Files that are uploaded just before are not in the list yet; an empty list is filled by the server at run time.
  const isOpen = input.kind === "combo" && (input.upload === true || input.many === true || input.remote === true);
  if (isOpen || input.options.length === 0 || input.options.some((option) => option === value)) return undefined;
  const near = nearest(String(value), input.options.map(String));
  const hint = near.length > 0 ? `; did you mean ${near.join(" or ")}?` : `: must be ${describe(input)}`;
  return `"${value}" is not on the server${hint}`;
}

function describe(input: InputSpec): string {
  if (input.kind === "combo" || input.kind === "dynamic") {
    const more = input.options.length > 20 ? ` and ${input.options.length - 20} more` : "";
    return `one of ${input.options.slice(0, 20).join(", ")}${more}`;
  }
  if (input.kind !== "number") return `a ${input.type}`;
  const what = input.integer ? "a whole number" : "a number";
  if (input.min === undefined && input.max === undefined) return what;
  return `${what} from ${input.min ?? "anything"} to ${input.max ?? "anything"}`;
}

function allowed(input: InputSpec): Pick<Issue, "allowed"> {
  if (input.kind === "combo" || input.kind === "dynamic")
    return { allowed: [...input.options].filter((option) => typeof option !== "boolean") };
  if (input.kind !== "number") return {};
  const { min, max } = input;
  return {
    allowed: { ...(min === undefined ? {} : { min: Number(min) }), ...(max === undefined ? {} : { max: Number(max) }) },
  };
}

/** One picture of many says enough. */
function unique(issues: readonly Issue[]): Issue[] {
  const seen = new Map(issues.map((issue) => [`${issue.field} ${issue.message}`, issue]));
  return [...seen.values()];
}
