import { ConfigError } from "@latentkit/core";
import { comfyDetails } from "../comfy-error.ts";
import type { Graph, InputValue, Link } from "../graph/graph.ts";
import { type InputSpec, isWidget, type ObjectInfo } from "../server/object-info.ts";
import { passedThrough } from "./bypass.ts";
import { readUiWorkflow } from "./read-ui-workflow.ts";
import { flattenSubgraphs } from "./subgraphs.ts";

/** A node as ComfyUI's editor saves it. */
export interface UiNode {
  id: number | string;
  type: string;
  title?: string;
  /** 0 runs, 2 is muted, 4 is bypassed. */
  mode?: number;
  inputs?: { name: string; type: unknown; link?: number | string | null; widget?: { name?: string } }[];
  outputs?: { name: string; type: unknown; links?: unknown }[];
  widgets_values?: unknown[] | Record<string, unknown> | null;
  /** The same by name, which newer editors save beside. */
  widgets_values_named?: Record<string, unknown>;
  properties?: Record<string, unknown>;
  /** Values by input that come from the widgets of a subgraph around it; no part of the file. */
  values?: Record<string, InputValue>;
}
/** A link as the editor saves it: as a list, or with names. */
export type UiLink =
  | [id: number | string, from: number | string, fromSlot: number, to: number | string, toSlot: number, type: unknown]
  | {
      id: number | string;
      origin_id: number | string;
      origin_slot: number;
      target_id: number | string;
      target_slot: number;
    };

/** What the editor saves. */
export interface UiWorkflow {
  nodes: UiNode[];
  links: UiLink[];
  definitions?: { subgraphs?: UiSubgraph[] };
}
/** A group of nodes that the editor shows as one. */
export interface UiSubgraph {
  id: string;
  nodes: UiNode[];
  links: UiLink[];
  inputs?: { name: string }[];
  outputs?: { name: string }[];
}

/** Nodes of the editor alone. */
const notes = new Set(["Note", "MarkdownNote"]);
const muted = 2;
const bypassed = 4;
/** Values of the second widget that seeds have. */
const controls = new Set(["fixed", "increment", "decrement", "randomize"]);

/** Whether JSON is in the editor's format. */
export function isUiWorkflow(workflow: unknown): boolean {
  return typeof workflow === "object" && workflow !== null && Array.isArray((workflow as Partial<UiWorkflow>).nodes);
}

/**
 * Converts what the editor saves to API format: widgets by the order of the node's declared inputs, reroutes and
 * bypassed nodes followed through, muted ones left out, primitives put in, subgraphs unfolded (`12:3`).
 *
 * @throws ConfigError for a node that the server does not have, and for JSON that is not as the editor saves it.
 */
export function uiToApi(saved: UiWorkflow, info: ObjectInfo): Graph {
  const { nodes, links } = flattenSubgraphs(readUiWorkflow(saved));
  const byId = new Map(nodes.map((node) => [String(node.id), node]));
  const sources = new Map(links.map(({ id, from, slot }) => [id, { from, slot }]));
  const graph: Graph = {};
  for (const node of nodes) {
    if (notes.has(node.type) || node.type === "Reroute" || node.type === "PrimitiveNode") continue;
    if (node.mode === muted || node.mode === bypassed) continue;
    const spec = info.node(node.type);
    if (spec === undefined) throw unknownNode(node);
    const inputs: Record<string, InputValue> = widgetValues(node, spec.inputs);
    for (const { name } of spec.inputs) if (node.values?.[name] !== undefined) inputs[name] = node.values[name];
    for (const input of node.inputs ?? []) {
      if (input.link === null || input.link === undefined) continue;
      const value = follow(String(input.link), input.type, byId, sources);
      if (value !== undefined) inputs[input.name] = value;
      else if (!spec.inputs.some((declared) => declared.name === input.name && isWidget(declared)))
        delete inputs[input.name];
    }
    graph[String(node.id)] = { class_type: node.type, inputs, _meta: { title: node.title ?? spec.displayName } };
  }
  return graph;
}

/** Group nodes are of editors before subgraphs: what they hold lies in the file's `extra`. */
function unknownNode({ id, type }: UiNode): ConfigError {
  const isGroup = /^workflow[>/]/.test(type);
  const why = isGroup
    ? "a group node of an older editor, which is not read: open the workflow in a newer one and convert it to a subgraph, or save it in API format"
    : `a "${type}", which the server does not have`;
  return new ConfigError(`The workflow's node ${id} is ${why}.`, comfyDetails({ details: { type } }));
}

/** Where a link really comes from: a link, or a primitive's value; undefined behind a muted node. */
function follow(
  link: string,
  type: unknown,
  nodes: ReadonlyMap<string, UiNode>,
  sources: ReadonlyMap<string, { from: string; slot: number }>,
): Link | InputValue | undefined {
  for (let hops = 0, next: string | undefined = link; next !== undefined && hops < 1000; hops++) {
    const source = sources.get(next);
    const node = source === undefined ? undefined : nodes.get(source.from);
    if (source === undefined || node === undefined || node.mode === muted) return undefined;
    if (node.type === "PrimitiveNode") {
      return Object.values(node.values ?? {})[0] ?? (node.widgets_values as InputValue[] | undefined)?.[0];
    }
    if (node.type !== "Reroute" && node.mode !== bypassed) return [source.from, source.slot];
    next = passedThrough(node, source.slot, type);
  }
  return undefined;
}

/** `widgets_values` has no names: it goes by the order in which the node declares its inputs, linked ones included. */
function widgetValues({ widgets_values: saved }: UiNode, declared: readonly InputSpec[]): Record<string, InputValue> {
  const inputs: Record<string, InputValue> = {};
  if (saved === undefined || saved === null) return inputs;
  if (!Array.isArray(saved)) {
    const known = declared.filter(({ name }) => name in saved);
    return Object.fromEntries(known.map(({ name }) => [name, saved[name] as InputValue]));
  }
  let at = 0;
  for (const input of declared.filter(isWidget)) {
    if (at >= saved.length) break;
    inputs[input.name] = saved[at++] as InputValue;
    const hasControl = input.kind === "number" && input.control === true;
    if (hasControl && controls.has(String(saved[at]))) at++;
  }
  return inputs;
}
