import type { ConfigError } from "@latentkit/core";
import { workflowError } from "../comfy-error.ts";
import type { Graph, InputValue } from "../graph/graph.ts";
import type { ObjectInfo } from "../server/object-info.ts";
import { linkEverywhere } from "./editor/everywhere.ts";
import { isEverywhere } from "./editor/everywhere-offers.ts";
import { withGroups } from "./editor/group-nodes.ts";
import { type EditorNode, loadParts, type Part } from "./editor/parts.ts";
import { byName, type Draw, drawOf, expandPrompt, fillName, type Named } from "./editor/prompt-text.ts";
import { bypassed, type Frame, inside, muted, resolveInput } from "./editor/resolve.ts";
import { showValues } from "./editor/shown-values.ts";
import { withUniqueIds } from "./editor/unique-ids.ts";
import { applyPrimitives, isVirtual } from "./editor/virtual-nodes.ts";
import type { Widget } from "./editor/widgets.ts";
import { readUiWorkflow } from "./read-ui-workflow.ts";
import type { UiWorkflow } from "./ui-workflow.ts";

/** What a conversion depends on beside the file. */
export interface ConvertOptions {
  /** Draws the choices in prompts such as `{a|b}`, the same each time. Default: others each time, as in the editor. */
  promptSeed?: number;
  /** The time for names of files such as `%date:yyyy-MM-dd%`. Default: now. */
  now?: Date;
}

/** Nodes whose `filename_prefix` may name the date and other nodes' values. */
const savers = new Set([
  "SaveImage",
  "SaveAnimatedWEBP",
  "SaveWEBM",
  "SaveAudio",
  "SaveGLB",
  "SaveAnimatedPNG",
  "CLIPSave",
  "VAESave",
  "ModelSave",
  "LoraSave",
  "SaveLatent",
]);
/** Those that can in newer editors, too. */
const newSavers = new Set([
  "SaveImageAdvanced",
  "SaveSVGNode",
  "SaveVideo",
  "SaveAudioMP3",
  "SaveAudioOpus",
  "SaveAudioAdvanced",
  "Save3DAdvanced",
  "SaveGaussianSplat",
  "SavePointCloud",
]);

/** A converted file, with what leads from its graph back to it. */
export interface Conversion {
  graph: Graph;
  /** The file as it was loaded. */
  workflow: UiWorkflow;
  /** Where each node of the graph is in the file. */
  placed: ReadonlyMap<string, Placed>;
  /** Nodes that stand for subgraphs, by the ids that their own nodes' begin with. */
  hosts: ReadonlyMap<string, Placed>;
  /** Nodes that the server does not have, as `id (type)`: the graph is without them. */
  missing: readonly string[];
  /** Texts and names that were sent otherwise than they stand in the file, as `id.input`. */
  resolved: ReadonlySet<string>;
}
/** A node in its part of the file. */
export interface Placed {
  frame: Frame;
  node: EditorNode;
}

/**
 * Converts what the editor saves to API format, as the editor does when it queues: widgets by name or by the order of the
 * node's declaration, defaults where the file has no value, reroutes and bypassed nodes followed through, muted ones left
 * out, primitives put in, subgraphs unfolded (`12:3`) with the values that their nodes show, choices and comments in
 * prompts resolved, dates and other nodes' values put into names of files.
 *
 * @throws ConfigError naming the nodes that the server does not have, and for JSON that is not as the editor saves it.
 */
export function uiToApi(saved: UiWorkflow, info: ObjectInfo, options: ConvertOptions = {}): Graph {
  const { graph, missing } = convertUi(saved, info, options);
  if (missing.length > 0) throw missingNodes(missing);
  return graph;
}

/** Like {@link uiToApi}, with the way back to the file. */
export function convertUi(saved: UiWorkflow, info: ObjectInfo, options: ConvertOptions = {}): Conversion {
  const read = readUiWorkflow(saved);
  // Editors of servers without branching inputs left ids as they are.
  const workflow = info.isRecent ? withUniqueIds(read) : read;
  const root = loadParts(withGroups(workflow, info), info);
  showValues(root);
  linkEverywhere(root);
  const { now = new Date(), promptSeed } = options;
  const draw: Draw = promptSeed === undefined ? Math.random : drawOf(promptSeed);
  const nodes = byName(namedNodes(root));
  applyPrimitives(root, (node, value) => {
    const fills = node.saved.properties?.["Run widget replace on values"] === true;
    return fills && typeof value === "string" ? fillName(value, nodes, now) : value;
  });
  const graph: Graph = {};
  const placed = new Map<string, Placed>();
  const hosts = new Map<string, Placed>();
  const resolved = new Set<string>();
  const missing: string[] = [];
  for (const { frame, node } of running({ part: root, path: "", isRecent: info.isRecent }, hosts)) {
    const id = `${frame.path}${node.id}`;
    if (node.spec === undefined || node.widgets === undefined) {
      if (isLinked(frame.part, node)) missing.push(`${id} (${node.type})`);
      continue;
    }
    const inputs: Record<string, InputValue> = {};
    for (const widget of node.widgets.list) {
      if (!widget.inPrompt) continue;
      const value = sent(widget, node, frame, { draw, now, nodes });
      if (value !== undefined) inputs[widget.name] = posted(value, widget);
      if (value !== widget.value) resolved.add(`${id}.${widget.name}`);
    }
    for (const [place, slot] of node.slots.entries()) {
      if (slot.widget !== undefined && node.widgets.find(slot.widget) === undefined) continue;
      const source = resolveInput(frame, node, place);
      if (source === undefined) continue;
      resolved.delete(`${id}.${slot.name}`);
      if ("link" in source) inputs[slot.name] = source.link;
      else if (source.value !== undefined) inputs[slot.name] = posted(source.value, node.widgets.find(slot.name));
    }
    Object.assign(inputs, ownInputs(node));
    graph[id] = { class_type: node.type, inputs, _meta: { title: node.title } };
    placed.set(id, { frame, node });
  }
  return { graph: withoutDeadLinks(graph), workflow, placed, hosts, resolved, missing };
}

/** Subgraphs within subgraphs double and double: thirty of them are a thousand million nodes. */
const maxNodes = 10_000;

/** Every node that is sent, in the order of the file, with its frame. */
function* running(frame: Frame, hosts: Map<string, Placed>, seen = { nodes: 0 }): Generator<Placed> {
  for (const node of frame.part.nodes.values()) {
    if (++seen.nodes > maxNodes) throw workflowError(`The workflow's subgraphs unfold to more than ${maxNodes} nodes.`);
    if (node.inside !== undefined) {
      hosts.set(`${frame.path}${node.id}`, { frame, node });
      // Within a subgraph the editor sends them whatever their node's mode: switching that off switched them off, too.
      const isOff = frame.outer === undefined && (node.mode === muted || node.mode === bypassed);
      if (!isOff && !isWithin(frame, node.inside)) yield* running(inside(frame, node), hosts, seen);
    } else if (node.mode !== muted && node.mode !== bypassed && !isVirtual(node) && !isEverywhere(node))
      yield { frame, node };
  }
}

/** A subgraph within itself would never end. */
function isWithin(frame: Frame, part: Part): boolean {
  if (frame.part === part) throw workflowError("The workflow has a subgraph that holds itself: it would never end.");
  return frame.outer !== undefined && isWithin(frame.outer, part);
}

/** What a widget's value becomes as it is sent. */
function sent(
  { name, value, spec }: Widget,
  { type }: EditorNode,
  { isRecent }: Frame,
  { draw, now, nodes }: { draw: Draw; now: Date; nodes: ReadonlyMap<unknown, Named> },
): unknown {
  if (typeof value !== "string") return value;
  if (spec?.kind === "string" && spec.dynamicPrompts) return expandPrompt(value, draw);
  const isFilled = name === "filename_prefix" && (savers.has(type) || (isRecent && newSavers.has(type)));
  return isFilled ? fillName(value, nodes, now) : value;
}

/** A list of values would be taken for a link: the server unwraps it. */
function posted(value: unknown, widget: Widget | undefined): InputValue {
  if (!Array.isArray(value)) return value as InputValue;
  const isCurve = widget?.spec?.kind === "value" && widget.spec.widget === "CURVE";
  return isCurve ? { __type__: "CURVE", __value__: value } : { __value__: value };
}

/** Inputs that a pack's own script makes of the file's values: rgthree's list of LoRAs. */
function ownInputs({ type, saved: { widgets_values: values } }: EditorNode): Record<string, InputValue> {
  if (type !== "Power Lora Loader (rgthree)" || !Array.isArray(values)) return {};
  const isLora = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && "lora" in value && "on" in value;
  return Object.fromEntries(values.filter(isLora).map((lora, place) => [`lora_${place + 1}`, lora]));
}

/** Links to nodes that are not sent go as well. */
function withoutDeadLinks(graph: Graph): Graph {
  for (const { inputs } of Object.values(graph)) {
    for (const [name, value] of Object.entries(inputs)) {
      if (Array.isArray(value) && value.length === 2 && graph[String(value[0])] === undefined) delete inputs[name];
    }
  }
  return graph;
}

function isLinked({ links }: Part, { id, slots }: EditorNode): boolean {
  return slots.some(({ link }) => link !== undefined) || [...links.values()].some(({ from }) => from === id);
}

function namedNodes(part: Part, done = new Set<Part>()): Named[] {
  if (done.has(part)) return [];
  done.add(part);
  return [...part.nodes.values()].flatMap((node) => [
    {
      title: node.title,
      alias: node.saved.properties?.["Node name for S&R"],
      value: (widget: string) => node.shown.get(widget) ?? node.widgets?.find(widget),
    },
    ...(node.inside === undefined ? [] : namedNodes(node.inside, done)),
  ]);
}

/** The error of a file that needs nodes which the server does not have. */
export function missingNodes(nodes: readonly string[]): ConfigError {
  return workflowError(
    `The server does not have ${nodes.length === 1 ? "a node" : "nodes"} of the workflow: ${nodes.join(", ")}. Install what has them there, or mute or replace them in the editor.`,
    { details: { nodes } },
  );
}
