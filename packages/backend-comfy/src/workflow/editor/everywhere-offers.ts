import { workflowError } from "../../comfy-error.ts";
import { type EditorNode, inputEnd, type Part, type PartLink, type Slot } from "./parts.ts";

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

/** What such a node offers: an output of a node of its part. */
export interface Offer {
  node: EditorNode;
  type: unknown;
  from: string;
  slot: number;
  priority: number;
  /** Whether an input, of a node of such a title, is one that its rules mean. */
  fits(input: { title: string; name: string }): boolean;
}

/** What a node keeps for the pack. */
type Rules = Record<string, unknown>;

/** The offers of a node that is of the pack, or was told to give its outputs everywhere. */
export function offersOf(part: Part, node: EditorNode, path: string): Offer[] {
  const converted = node.saved.properties?.["ue_convert"] === true;
  if ((!isEverywhere(node) && !converted) || node.mode !== 0) return [];
  if (node.type === "Seed Everywhere") {
    throw workflowError(
      `The workflow's node ${path}${node.id} (Seed Everywhere) gives its seed to fields, which is not read: link it in the editor.`,
      { details: { node: `${path}${node.id}` } },
    );
  }
  const rules = rulesOf(node);
  const given = converted ? ownOutputs(node, rules) : comingIn(part, node);
  const repeated = (type: unknown) => given.filter((own) => own.type === type).length > 1;
  const priority = Number(
    rules["priority"] ??
      standing(
        node,
        rules,
        given.some(({ type }) => repeated(type)),
      ),
  );
  return given.map(({ name, place, ...source }) => {
    const byName = node.type === "Prompts Everywhere" ? prompts[place] : undefined;
    const isNamed = byName === undefined && (repeated(source.type) || Boolean(rules["apply_to_unrepeated"]));
    const fits: Offer["fits"] = (input) =>
      byName?.test(input.name) !== false &&
      (!isNamed || input.name === name) &&
      matches(rules, "title", input.title) &&
      matches(rules, "input", input.name);
    return { node, priority, fits, ...source };
  });
}

const prompts = [/(_|\b)pos(itive|_|\b)/i, /(_|\b)neg(ative|_|\b)/i];

interface Given {
  type: unknown;
  from: string;
  slot: number;
  /** The name of the input or output, and its place. */
  name: string;
  place: number;
}

function comingIn(part: Part, node: EditorNode): Given[] {
  return node.slots.flatMap((slot, place): Given[] => {
    const link = slot.link === undefined ? undefined : source(part, slot.link);
    const runs = link?.from === inputEnd || part.nodes.get(link?.from ?? "")?.mode === 0;
    return link === undefined || !runs
      ? []
      : [{ type: link.type, from: link.from, slot: link.slot, name: labelOf(node, slot), place }];
  });
}

function ownOutputs({ id, saved }: EditorNode, rules: Rules): Given[] {
  const kept = (rules["output_not_broadcasting"] ?? {}) as Record<string, unknown>;
  const all = (saved.outputs ?? []).flatMap(({ name, type, label }, place): Given[] =>
    kept[name] ? [] : [{ type, from: id, slot: place, name: label ?? name, place }],
  );
  return rules["seed_inputs"] ? all.slice(0, 1).map((own) => ({ ...own, type: "INT" })) : all;
}

function labelOf({ saved }: EditorNode, { name }: Slot): string {
  return saved.inputs?.find((input) => input.name === name)?.label ?? name;
}

/** A node's rules; older ones have patterns among their values. */
function rulesOf({ type, saved: { properties = {}, widgets_values: values } }: EditorNode): Rules {
  const own = properties["ue_properties"] as Rules | undefined;
  if (own?.["version"] !== undefined) return own;
  const [title, input, group] = type === "Anything Everywhere?" && Array.isArray(values) ? values : [];
  const { group_restricted, color_restricted } = properties;
  return { title_regex: title, input_regex: input, group_regex: group, group_restricted, color_restricted, ...own };
}

/** A pattern of the rules; none where it lets everything through. */
function pattern(rules: Rules, of: string): string | undefined {
  const given = rules[`${of}_regex`];
  return typeof given === "string" && given !== "" && given !== ".*" ? given : undefined;
}

function matches(rules: Rules, of: string, text: string): boolean {
  const given = pattern(rules, of);
  if (given === undefined) return true;
  try {
    return new RegExp(given).test(text) !== Boolean(rules[`${of}_regex_invert`]);
  } catch {
    return true;
  }
}

/** The priority of a node that has none of its own: the narrower, the higher. */
function standing({ type }: EditorNode, rules: Rules, hasRepeated: boolean): number {
  const isNarrow = hasRepeated || ["title", "input", "group"].some((of) => pattern(rules, of) !== undefined);
  const isOfKind = type === "Seed Everywhere" || type === "Prompts Everywhere";
  return (
    10 +
    (isOfKind ? 10 : 0) +
    (isNarrow ? 20 : 0) +
    (rules["group_restricted"] ? 3 : 0) +
    (rules["color_restricted"] ? 6 : 0)
  );
}

/** Rules of a node that go by where nodes lie or what colour they have, which is not read. */
export function limitsOf(node: EditorNode): string | undefined {
  const rules = rulesOf(node);
  const names = ["group_restricted", "color_restricted", "repeated_type_rule", "string_to_combo", "send_to_any"];
  const limits = names.filter((name) => Boolean(rules[name]) && Number(rules[name]) !== 0);
  if (pattern(rules, "group") !== undefined) limits.push("group_regex");
  return limits.length > 0 ? `limits (${limits.join(", ")})` : undefined;
}

/** The link that really brings what a link does: upstream of bypassed nodes, by its type. */
export function source(part: Part, id: string): PartLink | undefined {
  let link = part.links.get(id);
  for (let steps = 0; link !== undefined && steps <= part.nodes.size; steps++) {
    const { from, slot, type } = link;
    const node = part.nodes.get(from);
    if (node === undefined || node.mode !== 4) return link;
    const through = node.slots[slot]?.type === type ? node.slots[slot] : node.slots.find((own) => own.type === type);
    link = through?.link === undefined ? undefined : part.links.get(through.link);
  }
  return undefined;
}
