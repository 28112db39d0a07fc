import { workflowError } from "../../comfy-error.ts";
import type { Link } from "../../graph/graph.ts";
import { bypassSlot } from "./bypass.ts";
import { type EditorNode, inputEnd, type Part } from "./parts.ts";
import { isGetter, isVirtual, setterOf } from "./virtual-nodes.ts";

/** A part with the way to it: the nodes that stand for the subgraphs around it. */
export interface Frame {
  part: Part;
  /** Ids of those nodes, each followed by a colon. */
  path: string;
  host?: EditorNode;
  outer?: Frame;
  /** Whether the server's editor is a newer one, which does a few things otherwise. */
  isRecent: boolean;
}

/** What comes into an input in the end. */
export type Source = { link: Link } | { value: unknown };

/** Modes of nodes that do not run. */
export const muted = 2;
export const bypassed = 4;

/** The frame inside a node that stands for a subgraph. */
export function inside(frame: Frame, host: EditorNode): Frame {
  return { part: host.inside!, path: `${frame.path}${host.id}:`, host, outer: frame, isRecent: frame.isRecent };
}

/**
 * Where an input's link really comes from, through reroutes, bypassed nodes and the borders of subgraphs, as the editor
 * finds it; a value, where a subgraph's node shows a field for it.
 *
 * @returns undefined where nothing is linked in the end.
 * @throws ConfigError where links go in a circle.
 */
export function resolveInput(
  frame: Frame,
  node: EditorNode,
  place: number,
  visited: ReadonlySet<string> = new Set(),
  type?: unknown,
): Source | undefined {
  const slot = node.slots[place];
  const link = slot?.link === undefined ? undefined : frame.part.links.get(slot.link);
  if (slot === undefined || link === undefined) return undefined;
  const seen = step(visited, `${frame.path}${node.id} in ${place}`, frame, node);
  const { host, outer } = frame;
  if (link.from === inputEnd && host !== undefined && outer !== undefined) {
    const name = host.inside!.inputs[link.slot]?.name;
    const at = host.slots.findIndex((own) => own.name === name);
    const shown = name === undefined ? undefined : host.shown.get(name);
    const own = shown === undefined ? undefined : { value: shown.value };
    const outside = host.slots[at]?.link;
    if (outside === undefined) return own;
    const isPrimitive = outer.part.nodes.get(outer.part.links.get(outside)?.from ?? "")?.type === "PrimitiveNode";
    // Newer editors lose at the border what a primitive gives.
    if (isPrimitive && (frame.part.isGroup || !frame.isRecent)) return own;
    return resolveInput(outer, host, at, seen);
  }
  const source = frame.part.nodes.get(link.from);
  return source === undefined ? undefined : resolveOutput(frame, source, link.slot, type ?? slot.type, seen);
}

function resolveOutput(
  frame: Frame,
  node: EditorNode,
  place: number,
  type: unknown,
  visited: ReadonlySet<string>,
): Source | undefined {
  const seen = step(visited, `${frame.path}${node.id} out ${place}`, frame, node);
  // In newer editors an input that hangs on a muted node has its own value; in older ones it has none.
  if (node.mode === muted) return frame.isRecent ? undefined : { link: [`${frame.path}${node.id}`, place] };
  if (node.mode === bypassed) {
    const through = bypassSlot(node.slots, place, type, node.outputs[place]?.type);
    return through === undefined ? undefined : resolveInput(frame, node, through, seen);
  }
  if (node.inside !== undefined) {
    const link = node.inside.outputs[place];
    if (link === undefined) return undefined;
    const inner = inside(frame, node);
    if (link.from === inputEnd) {
      const name = node.inside.inputs[link.slot]?.name;
      return resolveInput(
        frame,
        node,
        node.slots.findIndex((own) => own.name === name),
        seen,
        type,
      );
    }
    const source = inner.part.nodes.get(link.from);
    return source === undefined ? undefined : resolveOutput(inner, source, link.slot, type, seen);
  }
  if (isGetter(node)) {
    const { frame: there, node: setter } = setterOf(frame, node);
    return resolveInput(there, setter, 0, seen, type);
  }
  if (isVirtual(node)) return resolveInput(frame, node, place, seen, type);
  return { link: [`${frame.path}${node.id}`, place] };
}

function step(visited: ReadonlySet<string>, key: string, frame: Frame, node: EditorNode): ReadonlySet<string> {
  if (visited.has(key)) {
    const where = `${frame.path}${node.id} (${node.title})`;
    throw workflowError(`The workflow's links go in a circle through node ${where}: nothing can come out of it.`, {
      details: { node: `${frame.path}${node.id}` },
    });
  }
  return new Set([...visited, key]);
}
