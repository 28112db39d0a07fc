import { isDeepStrictEqual } from "node:util";
import type { Graph } from "../graph/graph.ts";
import { inputEnd, type Part, type PartLink } from "./editor/parts.ts";
import type { Conversion, Placed } from "./ui-to-api.ts";
import type { UiNode, UiSubgraph, UiWorkflow } from "./ui-workflow.ts";

/**
 * The editor's file with the values that a graph ran with: those that parameters changed, and texts as they were sent.
 * Values of fields that a subgraph shows are written where it shows them; one that took a link's place takes it there, too.
 */
export function recorded({ graph: before, workflow, placed, resolved }: Conversion, graph: Graph): UiWorkflow {
  const copy = structuredClone(workflow);
  for (const [id, { inputs }] of Object.entries(graph)) {
    const place = placed.get(id);
    if (place === undefined) continue;
    for (const [input, value] of Object.entries(inputs)) {
      const isChanged = !isDeepStrictEqual(value, before[id]?.inputs[input]);
      if (isChanged || resolved.has(`${id}.${input}`)) write(copy, place, input, value);
    }
  }
  return copy;
}

function write(copy: UiWorkflow, { frame, node }: Placed, input: string, value: unknown): void {
  const slot = node.slots.find(({ name }) => name === input);
  const link = slot?.link === undefined ? undefined : frame.part.links.get(slot.link);
  if (link?.from === inputEnd && frame.host !== undefined && frame.outer !== undefined) {
    const shown = frame.part.inputs[link.slot]?.name ?? "";
    const host = { frame: frame.outer, node: frame.host };
    write(copy, host, shown, value);
    return;
  }
  if (node.inside !== undefined) {
    if (link !== undefined) cut(copy, frame.part, link);
    writeShown(copy, { frame, node }, input, value);
    return;
  }
  if (link !== undefined) cut(copy, frame.part, link);
  const saved = savedNode(copy, { frame, node });
  const widget = node.widgets?.find(input);
  if (saved === undefined || widget === undefined || !widget.inFile) return;
  const { widgets_values: values, widgets_values_named: named } = saved;
  if (named) named[input] = value;
  if (Array.isArray(values) || !values) {
    // A list that was too short is filled up with what the others have.
    const inFile = node.widgets!.list.filter((own) => own.inFile);
    const place = inFile.indexOf(widget);
    const list = inFile.map((own, at) => (at < (values?.length ?? 0) ? values![at] : own.value));
    list[place] = value;
    saved.widgets_values = [...list, ...(values ?? []).slice(list.length)];
  } else values[input] = value;
}

function writeShown(copy: UiWorkflow, host: Placed, name: string, value: unknown): void {
  const saved = savedNode(copy, host);
  const shown = host.node.shown.get(name);
  if (saved === undefined || shown?.place === undefined) return;
  const { widgets_values: values, widgets_values_named: named } = saved;
  if (named) named[name] = value;
  if (Array.isArray(values) || !values) {
    const list = [...(values ?? [])];
    while (list.length < shown.place) list.push(null);
    list[shown.place] = value;
    saved.widgets_values = list;
  } else values[name] = value;
}

/** Takes a link out, at both of its ends. */
function cut(copy: UiWorkflow, { id: part }: Part, { id, from, to }: PartLink): void {
  const saved = savedPart(copy, part);
  if (saved === undefined) return;
  saved.links = saved.links.filter((link) => String(Array.isArray(link) ? link[0] : link.id) !== id);
  const end = saved.nodes.find((node) => String(node.id) === to);
  for (const input of end?.inputs ?? []) if (String(input.link) === id) input.link = null;
  const start = saved.nodes.find((node) => String(node.id) === from);
  for (const output of start?.outputs ?? []) {
    if (Array.isArray(output.links)) output.links = output.links.filter((link) => String(link) !== id);
  }
}

function savedPart(copy: UiWorkflow, part: string | undefined): UiWorkflow | UiSubgraph | undefined {
  return part === undefined ? copy : copy.definitions?.subgraphs?.find(({ id }) => id === part);
}

function savedNode(copy: UiWorkflow, { frame, node }: Placed): UiNode | undefined {
  return savedPart(copy, frame.part.id)?.nodes.find(({ id }) => String(id) === node.id);
}
