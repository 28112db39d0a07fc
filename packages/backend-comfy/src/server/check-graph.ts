import { type Issue, nearest } from "@latentkit/core";
import { type FieldMap, type Graph, type GraphNode, isLink } from "../graph/graph.ts";
import { childrenOf, type InputSpec } from "./input-spec.ts";
import type { ObjectInfo } from "./object-info.ts";

/** What of a graph a server would refuse, told by request field where the value came from one. Empty when all is well. */
export function checkGraph(graph: Graph, info: ObjectInfo, fields: FieldMap = {}): Issue[] {
  const issues: Issue[] = [];
  const ends = Object.keys(graph).filter((id) => info.node(graph[id]!.class_type)?.isOutput === true);
  const isUnknown = Object.values(graph).some(({ class_type }) => !info.has(class_type));
  if (ends.length === 0 && !isUnknown && knowsOutputs(info)) {
    const message = "has no node that saves, shows or sends anything (such as SaveImage): the server would run nothing";
    issues.push({ field: "workflow", message });
  }
  const circle = circleIn(graph);
  if (circle !== undefined) {
    const message = `its links go in a circle (${circle.join(" → ")}): none of these nodes could ever run`;
    issues.push({ field: fields[circle[0]!] ?? circle[0]!, message });
  }
  const used = ends.length === 0 ? new Set(Object.keys(graph)) : leadingTo(graph, ends);
  for (const [id, node] of Object.entries(graph)) {
    // What leads to no end is never run, nor looked at by the server.
    if (!used.has(id) && info.has(node.class_type)) continue;
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

/** Whether the server tells which nodes are ends: one that tells of none is not asked for any. */
function knowsOutputs(info: ObjectInfo): boolean {
  return [...info.nodes.values()].some(({ isOutput }) => isOutput);
}

function sourcesOf({ inputs }: GraphNode): string[] {
  return Object.values(inputs).flatMap((value) => (isLink(value) ? [value[0]] : []));
}

/** Nodes from which the ends get something, and the ends. */
function leadingTo(graph: Graph, ends: readonly string[]): Set<string> {
  const found = new Set<string>();
  const open = [...ends];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id) || graph[id] === undefined) continue;
    found.add(id);
    open.push(...sourcesOf(graph[id]!));
  }
  return found;
}

/** Nodes that get, by way of others, what they give; the first such circle, from a node back to itself. */
function circleIn(graph: Graph): string[] | undefined {
  const sound = new Set<string>();
  for (const start of Object.keys(graph)) {
    // Depth first, by a stack of its own: graphs may be longer than the engine's.
    const way: { id: string; rest: string[] }[] = [{ id: start, rest: sourcesOf(graph[start]!) }];
    while (way.length > 0) {
      const next = way.at(-1)!.rest.pop();
      if (next === undefined) {
        sound.add(way.pop()!.id);
        continue;
      }
      const at = way.findIndex(({ id }) => id === next);
      if (at >= 0) return [...way.slice(at).map(({ id }) => id), next].reverse();
      if (!sound.has(next) && graph[next] !== undefined) way.push({ id: next, rest: sourcesOf(graph[next]!) });
    }
  }
  return undefined;
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
