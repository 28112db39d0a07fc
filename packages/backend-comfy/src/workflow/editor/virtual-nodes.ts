import { workflowError } from "../../comfy-error.ts";
import type { EditorNode, Part } from "./parts.ts";
import type { Frame } from "./resolve.ts";

/** Nodes of the editor alone that hand on what comes in. */
const reroutes = new Set(["Reroute", "Reroute (rgthree)"]);
/** Nodes of the editor alone that nothing goes through: notes, labels, switches for other nodes. */
const idle = new Set([
  "Note",
  "MarkdownNote",
  "PrimitiveNode",
  "SetNode",
  "GetNode",
  ...[
    "Bookmark",
    "Label",
    "Fast Muter",
    "Fast Bypasser",
    "Fast Groups Muter",
    "Fast Groups Bypasser",
    "Fast Actions Button",
    "Mute / Bypass Relay",
    "Mute / Bypass Repeater",
    "Node Collector",
    "Node Mode Relay",
    "Node Mode Repeater",
    "Random Unmuter",
  ].map((name) => `${name} (rgthree)`),
]);

/** Whether a node is the editor's alone, and is never sent. A type that the server has is the server's. */
export function isVirtual({ type, spec }: EditorNode): boolean {
  return spec === undefined && (reroutes.has(type) || idle.has(type));
}

/** KJNodes' GetNode gives what goes into the SetNode of its name. */
export function isGetter({ type, spec }: EditorNode): boolean {
  return spec === undefined && type === "GetNode";
}

/** The SetNode that a GetNode names, in the same subgraph or around it. @throws ConfigError when there is none. */
export function setterOf(frame: Frame, getter: EditorNode): { frame: Frame; node: EditorNode } {
  const name = nameOf(getter);
  for (let at: Frame | undefined = frame; at !== undefined; at = at.outer) {
    const node = [...at.part.nodes.values()].find((other) => other.type === "SetNode" && nameOf(other) === name);
    if (node !== undefined) return { frame: at, node };
  }
  const id = `${frame.path}${getter.id}`;
  throw workflowError(
    `The workflow's node ${id} gets "${String(name)}", which no SetNode sets: link it in the editor, or set it.`,
    { details: { node: id } },
  );
}

function nameOf({ saved: { widgets_values: values } }: EditorNode): unknown {
  return Array.isArray(values) ? values[0] : values && Object.values(values)[0];
}

/** Puts the values of primitives into the widgets that they are linked to. */
export function applyPrimitives(part: Part, text: (node: EditorNode, value: unknown) => unknown): void {
  const done = new Set<Part>();
  const apply = (current: Part) => {
    if (done.has(current)) return;
    done.add(current);
    for (const node of current.nodes.values()) {
      if (node.inside !== undefined) apply(node.inside);
      const values = node.saved.widgets_values;
      if (node.type !== "PrimitiveNode" || !Array.isArray(values) || values.length === 0) continue;
      for (const { id, from, to } of current.links.values()) {
        if (from !== node.id) continue;
        const target = current.nodes.get(to);
        const slot = target?.slots.find(({ link }) => link === id);
        if (target === undefined || slot === undefined) continue;
        const value = text(node, values[0]);
        const shown = target.shown.get(slot.name);
        if (shown !== undefined) shown.value = value;
        const widget = slot.widget === undefined ? undefined : target.widgets?.find(slot.widget);
        if (widget !== undefined) target.widgets!.set(widget, value);
      }
    }
  };
  apply(part);
}
