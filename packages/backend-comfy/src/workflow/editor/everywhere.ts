import type { ConfigError } from "@latentkit/core";
import { workflowError } from "../../comfy-error.ts";
import { isEverywhere, limitsOf, type Offer, offersOf, source } from "./everywhere-offers.ts";
import { type EditorNode, outputEnd, type Part, type Slot } from "./parts.ts";

/**
 * Draws the links that nodes of "Use Everywhere" stand for, as the pack does before its editor sends: each within its own
 * part of the file, into unlinked inputs of its type that take such links, fields among them, of nodes that run.
 *
 * @throws ConfigError where it is not plain whether an input gets one.
 */
export function linkEverywhere(root: Part): void {
  const done = new Set<Part>();
  const visit = (part: Part, path: string) => {
    if (done.has(part)) return;
    done.add(part);
    linkPart(part, path);
    for (const node of part.nodes.values()) if (node.inside !== undefined) visit(node.inside, `${path}${node.id}:`);
  };
  visit(root, "");
}

function linkPart(part: Part, path: string): void {
  const offers = [...part.nodes.values()].flatMap((node) => offersOf(part, node, path));
  if (offers.length === 0) return;
  for (const node of part.nodes.values()) {
    if (node.mode !== 0 || isEverywhere(node) || node.saved.properties?.["rejects_ue_links"]) continue;
    for (const [place, slot] of node.slots.entries()) {
      if (isFed(part, slot.link) || !takes(part, node, slot)) continue;
      const offer = bestFor(offers, node, slot, path);
      if (offer !== undefined) slot.link = draw(part, offer, node.id, place);
    }
  }
  for (const [place, { name, type }] of part.ends.entries()) {
    if (part.outputs[place] !== undefined) continue;
    const offer = offers.find((own) => own.type === type && own.fits({ title: "", name }));
    if (offer !== undefined) part.outputs[place] = part.links.get(draw(part, offer, outputEnd, place))!;
  }
}

/** Whether the server refuses the node without it. */
function isRequired({ spec }: EditorNode, { name }: Slot): boolean {
  return spec?.inputs.some((input) => input.name === name && input.required && input.kind === "link") === true;
}

function draw(part: Part, { from, slot, type }: Offer, to: string, toSlot: number): string {
  const id = `everywhere ${to} ${toSlot}`;
  part.links.set(id, { id, from, slot, to, toSlot, type });
  return id;
}

/** Whether something comes over a link, bypassed nodes followed through. */
function isFed(part: Part, link: string | undefined): boolean {
  return link !== undefined && source(part, link) !== undefined;
}

/** Whether an input takes such links: others than fields do unless they say no, and fields where they say yes. */
function takes(part: Part, { saved }: EditorNode, slot: Slot): boolean {
  const { widget_ue_connectable: older, ue_properties: own } = (saved.properties ?? {}) as Record<string, unknown>;
  const { widget_ue_connectable: fields, input_ue_unconnectable: refused } = (own ?? {}) as Record<
    string,
    Record<string, unknown> | undefined
  >;
  if (slot.widget === undefined) return !refused?.[slot.name];
  const known = fields ?? (older as Record<string, unknown> | undefined);
  if (known !== undefined) return Boolean(known[slot.name]);
  // Files of before have fields for inputs only where they were made inputs.
  return part.id === undefined && (saved.inputs ?? []).some(({ name }) => name === slot.name);
}

/** The offer that an input gets: of the highest priority; none where two have it, as in the editor. */
function bestFor(offers: readonly Offer[], node: EditorNode, slot: Slot, path: string): Offer | undefined {
  const own = offers.filter(
    ({ from, type, fits }) => from !== node.id && type === slot.type && fits({ title: node.title, name: slot.name }),
  );
  const [first, second] = own.sort((a, b) => b.priority - a.priority);
  if (first === undefined) return undefined;
  const limits = limitsOf(first.node);
  if (limits !== undefined) throw unclear(first, `but only where its ${limits} allow`, node, slot, path);
  if (second === undefined || second.priority < first.priority) return first;
  if (!isRequired(node, slot)) return undefined;
  throw unclear(first, `and so does node ${path}${second.node.id} (${second.node.type})`, node, slot, path);
}

function unclear({ node: giver, type }: Offer, why: string, node: EditorNode, slot: Slot, path: string): ConfigError {
  const target = `${path}${node.id}`;
  return workflowError(
    `The workflow's node ${path}${giver.id} (${giver.type}) offers ${type} to "${slot.name}" of node ${target} (${node.title}), ${why}: link that input in the editor.`,
    { details: { node: target } },
  );
}
