import { ConfigError } from "@latentkit/core";
import { comfyDetails } from "../../comfy-error.ts";
import { grownInputs, type InputSpec } from "../../server/input-spec.ts";
import type { NodeSpec, ObjectInfo } from "../../server/object-info.ts";
import type { UiLink, UiNode, UiSubgraph, UiWorkflow } from "../ui-workflow.ts";
import { Widgets } from "./widgets.ts";

/** A place where a link comes into a node. */
export interface Slot {
  name: string;
  type: unknown;
  link: string | undefined;
  /** The widget that a link takes the place of. */
  widget?: string;
}

/** A link of one part, by its ends. */
export interface PartLink {
  id: string;
  from: string;
  slot: number;
  to: string;
  toSlot: number;
  /** As the file has it. */
  type?: unknown;
}

/** A node as the editor holds it, once its file is loaded. */
export interface EditorNode {
  id: string;
  type: string;
  title: string;
  mode: number;
  slots: Slot[];
  outputs: readonly { type: unknown }[];
  saved: UiNode;
  /** Undefined for a type that the server does not have. */
  spec: NodeSpec | undefined;
  widgets: Widgets | undefined;
  /** The subgraph that the node stands for. */
  inside: Part | undefined;
  /** Values of the fields that a subgraph shows on the node that stands for it, by its inputs. */
  shown: Map<string, ShownValue>;
}

/** The value of a field that a subgraph shows, and where it is in the node's `widgets_values`. */
export interface ShownValue {
  value: unknown;
  place?: number;
}

/** The workflow itself, or the inside of a subgraph, which all nodes that stand for it share. */
export interface Part {
  /** Undefined for the workflow itself. */
  id: string | undefined;
  nodes: Map<string, EditorNode>;
  links: Map<string, PartLink>;
  /** A subgraph's inputs, each with the links that go in from it. */
  inputs: { name: string; type: unknown; links: string[] }[];
  /** By output, the link that comes to it. */
  outputs: (PartLink | undefined)[];
  /** A subgraph's outputs. */
  ends: { name: string; type: unknown }[];
  /** Whether a group node of an older editor was made into it. */
  isGroup: boolean;
}

/** Ends of a subgraph: its inputs come out of one such node, and its outputs go into the other. */
export const inputEnd = "-10";
export const outputEnd = "-20";

const maxDepth = 100;

/** Loads a file's nodes: its workflow, and each subgraph once, whatever is within another first. */
export function loadParts({ nodes, links, definitions }: UiWorkflow, info: ObjectInfo): Part {
  const loaded = new Map<string, Part>();
  const known = new Map((definitions?.subgraphs ?? []).map((subgraph) => [subgraph.id, subgraph]));
  let depth = 0;
  const inside = (type: string): Part | undefined => {
    const subgraph = known.get(type);
    if (subgraph === undefined) return undefined;
    const before = loaded.get(type);
    if (before !== undefined) return before;
    if (depth >= maxDepth)
      throw new ConfigError(`The workflow's subgraphs are nested more than ${maxDepth} deep.`, comfyDetails());
    depth++;
    // Set first, empty: a subgraph within itself would never end.
    const part = emptyPart(subgraph.id);
    loaded.set(type, part);
    Object.assign(part, loadPart(subgraph, info, inside), { isGroup: subgraph.isGroup === true });
    depth--;
    return part;
  };
  return loadPart({ id: undefined, nodes, links }, info, inside);
}

function emptyPart(id: string | undefined): Part {
  return { id, nodes: new Map(), links: new Map(), inputs: [], outputs: [], ends: [], isGroup: false };
}

function loadPart(
  saved: Omit<UiSubgraph, "id"> & { id: string | undefined },
  info: ObjectInfo,
  inside: (type: string) => Part | undefined,
): Part {
  const part = emptyPart(saved.id);
  for (const link of saved.links.map(named)) part.links.set(link.id, link);
  for (const node of saved.nodes) part.nodes.set(String(node.id), loadNode(node, info, inside(node.type)));
  part.inputs = (saved.inputs ?? []).map(({ name, type, linkIds }, place) => {
    const drawn = [...part.links.values()].filter(({ from, slot }) => from === inputEnd && slot === place);
    const order = (linkIds ?? []).map(String);
    return { name, type, links: [...new Set([...order, ...drawn.map(({ id }) => id)])] };
  });
  part.ends = (saved.outputs ?? []).map(({ name, type }) => ({ name, type }));
  for (const link of part.links.values()) if (link.to === outputEnd) part.outputs[link.toSlot] ??= link;
  for (const node of part.nodes.values()) settleMatches(part, node);
  return part;
}

/** Inputs that must be of one type take that of what is linked to the others. */
function settleMatches(part: Part, { spec, slots }: EditorNode): void {
  const groups = (spec?.inputs ?? []).flatMap(({ name, ...input }) =>
    input.kind === "link" && input.match !== undefined ? [{ name, group: input.match }] : [],
  );
  const typeOf = ({ link: id }: Slot): unknown => {
    const link = id === undefined ? undefined : part.links.get(id);
    if (link?.from === inputEnd) return part.inputs[link.slot]?.type;
    return link === undefined ? undefined : part.nodes.get(link.from)?.saved.outputs?.[link.slot]?.type;
  };
  const given = new Map(slots.map((slot) => [slot.name, typeOf(slot)]));
  for (const { name, group } of groups) {
    const others = groups.filter((other) => other.group === group && other.name !== name);
    const type = others
      .map((other) => given.get(other.name))
      .find((found) => typeof found === "string" && found !== "*");
    const slot = slots.find((own) => own.name === name);
    if (slot !== undefined && type !== undefined) slot.type = type;
  }
}

function loadNode(saved: UiNode, info: ObjectInfo, inside: Part | undefined): EditorNode {
  const spec = inside === undefined ? info.node(saved.type) : undefined;
  const given = (saved.inputs ?? []).map(
    ({ name, type, link, widget }): Slot => ({
      name,
      type,
      link: link === null || link === undefined ? undefined : String(link),
      ...(widget === undefined || widget === null ? {} : { widget: widget.name ?? name }),
    }),
  );
  const marked = new Set(given.flatMap(({ name, widget }) => (widget === undefined ? [] : [name])));
  for (const name of Object.keys(saved.widgets_values_named ?? {})) marked.add(name);
  let widgets = spec === undefined ? undefined : new Widgets(spec, marked);
  const typed = (spec?.inputs ?? []).filter(
    ({ name, kind, type }) => kind === "link" && isTyped(type) && !marked.has(name),
  );
  if (widgets !== undefined && typed.length > 0 && Array.isArray(saved.widgets_values)) {
    // Servers do not always say that a value of several types is typed in: the number of values does.
    const count = widgets.list.filter(({ inFile }) => inFile).length;
    if (saved.widgets_values.length === count + typed.length) {
      widgets = new Widgets(spec!, new Set([...marked, ...typed.map(({ name }) => name)]));
    }
  }
  if (widgets !== undefined && spec !== undefined) restore(widgets, spec, saved);
  const own = inside?.inputs ?? (spec === undefined ? [] : declaredSlots(spec, widgets!, given));
  return {
    id: String(saved.id),
    type: saved.type,
    title: saved.title ?? spec?.displayName ?? saved.type,
    mode: saved.mode ?? 0,
    slots: inside === undefined ? merged(own, given) : merged(own, given).slice(0, own.length),
    outputs: (spec?.outputs ?? saved.outputs ?? []).map(({ type }) => ({
      type: type === "COMFY_MATCHTYPE_V3" ? "*" : type,
    })),
    saved,
    spec,
    widgets,
    inside,
    shown: new Map(),
  };
}

/** Whether a type is a list of those that have a field. */
function isTyped(type: string): boolean {
  const parts = type.split(",");
  return parts.length > 1 && parts.every((part) => ["INT", "FLOAT", "STRING", "BOOLEAN"].includes(part));
}

function restore(widgets: Widgets, spec: NodeSpec, saved: UiNode): void {
  const { widgets_values: values, widgets_values_named: byName } = saved;
  if (byName !== undefined && byName !== null) widgets.restoreNamed(byName);
  else if (Array.isArray(values)) widgets.restore(withoutForced(values, spec, widgets));
  else if (values !== undefined && values !== null) widgets.restoreNamed(values);
  widgets.settle();
}

/** Files from before inputs that must be linked lost their widgets hold a place for each of them still. */
function withoutForced(values: readonly unknown[], { inputs }: NodeSpec, widgets: Widgets): readonly unknown[] {
  const isForced = inputs.flatMap((input) => {
    const forced = input.kind === "link" && input.forced === true;
    if (!forced && widgets.find(input.name) === undefined) return [];
    const hasControl = (input.kind === "number" || input.kind === "combo") && input.control === true;
    return hasControl ? [forced, false] : [forced];
  });
  return isForced.length === values.length ? values.filter((_, place) => !isForced[place]) : values;
}

/** The slots that a node has by its declaration: links first, then those of widgets. */
function declaredSlots(spec: NodeSpec, widgets: Widgets, given: readonly Slot[]): Omit<Slot, "link">[] {
  const links = spec.inputs.flatMap((input) => {
    if (input.kind === "autogrow") {
      const there = Object.fromEntries(given.map(({ name }) => [name, true]));
      return grownInputs(input, there, 1)
        .filter(({ kind }) => kind === "link")
        .map((child) => slotOf(child, child.name));
    }
    if (input.kind === "link" && widgets.find(input.name) === undefined) return [slotOf(input, input.name)];
    return [];
  });
  const fields = widgets.list.flatMap(({ name, spec: input }) =>
    input === undefined || input.kind === "value" ? [] : [{ ...slotOf(input, name), widget: name }],
  );
  return [...links, ...fields];
}

function slotOf({ type }: InputSpec, name: string): Omit<Slot, "link"> {
  return { name, type: type === "COMFY_DYNAMICCOMBO_V3" ? "COMBO" : type };
}

/** By name, in the declaration's order; what the file has beyond it comes after. */
function merged(own: readonly Omit<Slot, "link">[], given: readonly Slot[]): Slot[] {
  const byName = new Map(given.map((slot) => [slot.name, slot]));
  const declared = own.map(({ name, type, widget }): Slot => {
    return { name, type, link: byName.get(name)?.link, ...(widget === undefined ? {} : { widget }) };
  });
  const names = new Set(own.map(({ name }) => name));
  return [...declared, ...given.filter(({ name }) => !names.has(name))];
}

function named(link: UiLink): PartLink {
  const [id, from, slot, to, toSlot, type] = Array.isArray(link)
    ? link
    : [link.id, link.origin_id, link.origin_slot, link.target_id, link.target_slot, link.type];
  return { id: String(id), from: String(from), slot, to: String(to), toSlot, type };
}
