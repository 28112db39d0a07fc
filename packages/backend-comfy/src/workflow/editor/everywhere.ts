import { ConfigError } from "@latentkit/core";
import { comfyDetails } from "../../comfy-error.ts";
import type { Link } from "../../graph/graph.ts";
import type { EditorNode, Slot } from "./parts.ts";
import { bypassed, type Frame, muted, resolveInput } from "./resolve.ts";

/** Nodes of "Use Everywhere", which give what comes in to every unlinked input of its type. */
const kinds = new Set([
  "Anything Everywhere",
  "Anything Everywhere3",
  "Anything Everywhere?",
  "Prompts Everywhere",
  "Seed Everywhere",
]);

/** Whether a node is of that pack: it is never sent. */
export function isEverywhere({ type }: EditorNode): boolean {
  return kinds.has(type);
}

/** What such a node offers. */
interface Offer {
  node: EditorNode;
  frame: Frame;
  type: string;
  link: Link;
  /** What the name of an input must be like. */
  names: RegExp | undefined;
}

/** Offers of a part's nodes, for all that is unlinked in it and in the subgraphs inside. */
export class Everywhere {
  readonly #offers = new Map<Frame, Offer[]>();

  /**
   * The link that an unlinked input gets.
   *
   * @throws ConfigError where it is not plain: several nodes offer its type, or one offers it to some inputs only.
   */
  linkFor(frame: Frame, node: EditorNode, slot: Slot): Link | undefined {
    if (slot.widget !== undefined) return undefined;
    for (let at: Frame | undefined = frame; at !== undefined; at = at.outer) {
      const fitting = this.#of(at).filter(({ type, names }) => type === slot.type && names?.test(slot.name) !== false);
      const [first, second] = fitting;
      if (first === undefined) continue;
      if (second !== undefined) throw unclear(first, `and so does node ${nameOf(second)}`, frame, node, slot);
      const limits = limitsOf(first.node);
      if (limits !== undefined) throw unclear(first, `but only where its ${limits} allow`, frame, node, slot);
      return first.link;
    }
    return undefined;
  }

  #of(frame: Frame): Offer[] {
    let offers = this.#offers.get(frame);
    if (offers === undefined) {
      offers = [...frame.part.nodes.values()].flatMap((node) => offersOf(frame, node));
      this.#offers.set(frame, offers);
    }
    return offers;
  }
}

function offersOf(frame: Frame, node: EditorNode): Offer[] {
  if (!isEverywhere(node) || node.mode === muted || node.mode === bypassed) return [];
  if (node.type === "Seed Everywhere") {
    throw new ConfigError(
      `The workflow's node ${frame.path}${node.id} (Seed Everywhere) gives its seed to fields, which is not read: link it in the editor.`,
      comfyDetails({ details: { node: `${frame.path}${node.id}` } }),
    );
  }
  return node.slots.flatMap((_, place): Offer[] => {
    const source = resolveInput(frame, node, place);
    if (source === undefined || !("link" in source)) return [];
    const type = typeOf(frame, source.link);
    const prompts = [/(_|\b)pos(itive|_|\b)/i, /(_|\b)neg(ative|_|\b)/i];
    const names = node.type === "Prompts Everywhere" ? prompts[place] : undefined;
    return type === undefined ? [] : [{ node, frame, type, link: source.link, names }];
  });
}

function typeOf(frame: Frame, [id, place]: Link): string | undefined {
  let root = frame;
  while (root.outer !== undefined) root = root.outer;
  let { part } = root;
  const path = id.split(":");
  const last = path.pop()!;
  for (const step of path) part = part.nodes.get(step)?.inside ?? part;
  const type = part.nodes.get(last)?.outputs[place]?.type;
  return typeof type === "string" ? type : undefined;
}

/** Whether a node offers to some inputs only, and by what. */
function limitsOf({ type, saved: { properties, widgets_values: values } }: EditorNode): string | undefined {
  if (
    type === "Anything Everywhere?" &&
    Array.isArray(values) &&
    values.some((value) => !["", ".*"].includes(String(value)))
  ) {
    return "patterns";
  }
  const own = properties?.["ue_properties"];
  const limits = Object.entries((own ?? {}) as Record<string, unknown>).filter(
    ([name, value]) =>
      /restricted|regex/.test(name) &&
      value !== 0 &&
      value !== null &&
      value !== "" &&
      value !== false &&
      value !== ".*",
  );
  return limits.length > 0 ? `limits (${limits.map(([name]) => name).join(", ")})` : undefined;
}

const nameOf = ({ frame, node }: Offer) => `${frame.path}${node.id} (${node.type})`;

function unclear(offer: Offer, why: string, frame: Frame, node: EditorNode, slot: Slot): ConfigError {
  const target = `${frame.path}${node.id}`;
  return new ConfigError(
    `The workflow's node ${nameOf(offer)} offers ${offer.type} to "${slot.name}" of node ${target} (${node.title}), ${why}: link that input in the editor.`,
    comfyDetails({ details: { node: target } }),
  );
}
