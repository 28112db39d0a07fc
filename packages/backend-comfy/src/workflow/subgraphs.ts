import type { InputValue } from "../graph/graph.ts";
import { type PromotedValues, promotedValues } from "./promoted-values.ts";
import type { UiLink, UiNode, UiSubgraph, UiWorkflow } from "./ui-to-api.ts";

/** A link with names, all ids as text. */
export interface FlatLink {
  id: string;
  from: string;
  slot: number;
}
/** A workflow without subgraphs. */
export interface FlatWorkflow {
  nodes: UiNode[];
  links: FlatLink[];
  /** What an output of a node that stood for a subgraph has become, by `id/slot`. */
  aliases: Map<string, Source>;
}
type Source = Pick<FlatLink, "from" | "slot">;

/** Ends of a subgraph: its inputs come out of one such node, and its outputs go into the other. */
const inputNode = "-10";
const outputNode = "-20";

interface Ends {
  id: string;
  from: string;
  slot: number;
  to: string;
  toSlot: number;
}

/** Puts the nodes of each subgraph in place of the node that stands for it, under ids such as `12:3`. */
export function flattenSubgraphs({ nodes, links, definitions }: UiWorkflow): FlatWorkflow {
  const known = new Map((definitions?.subgraphs ?? []).map((subgraph) => [subgraph.id, subgraph]));
  return unfold(nodes, links.map(named), "", known);
}

function unfold(
  nodes: readonly UiNode[],
  links: readonly Ends[],
  prefix: string,
  known: ReadonlyMap<string, UiSubgraph>,
): FlatWorkflow {
  const flat: FlatWorkflow = { nodes: [], links: [], aliases: new Map() };
  const own = (id: string) => `${prefix}${id}`;
  for (const node of nodes) {
    // A muted or bypassed one is left out or handed through as any node is, whatever its own nodes say.
    const subgraph = node.mode === 2 || node.mode === 4 ? undefined : known.get(node.type);
    if (subgraph === undefined) {
      const inputs = node.inputs?.map((input) => ({
        ...input,
        link: input.link == null ? null : own(String(input.link)),
      }));
      flat.nodes.push({ ...node, id: own(String(node.id)), ...(inputs === undefined ? {} : { inputs }) });
      continue;
    }
    const inside = inner(node, subgraph, prefix, known);
    flat.nodes.push(...inside.nodes);
    flat.links.push(...inside.links);
    for (const [slot, source] of inside.outputs) flat.aliases.set(`${own(String(node.id))}/${slot}`, source);
  }
  for (const { id, from, slot } of links) {
    const inside = flat.aliases.get(`${own(from)}/${slot}`);
    flat.links.push({ id: own(id), ...(inside ?? { from: own(from), slot }) });
  }
  return flat;
}

/** A subgraph's nodes for one node that stands for it, with the links that cross its border. */
function inner(
  node: UiNode,
  subgraph: UiSubgraph,
  prefix: string,
  known: ReadonlyMap<string, UiSubgraph>,
): FlatWorkflow & { outputs: Map<number, Source> } {
  const inside = `${prefix}${node.id}:`;
  const links = subgraph.links.map(named);
  const crossing = links.filter(({ from }) => from === inputNode);
  const promoted = promotedValues(node, subgraph);
  const nodes = subgraph.nodes.map((child) => withOuter(child, node, subgraph, crossing, promoted));
  const flat = unfold(
    nodes,
    links.filter(({ from, to }) => from !== inputNode && to !== outputNode),
    inside,
    known,
  );
  const outputs = new Map(
    links
      .filter(({ to }) => to === outputNode)
      .map(({ from, slot, toSlot }) => {
        const source = { from: `${inside}${from}`, slot };
        return [toSlot, flat.aliases.get(`${source.from}/${slot}`) ?? source] as const;
      }),
  );
  // What comes from outside goes by the outer link, whose name the child's input got.
  const outer = crossing.flatMap(({ id, slot }) => {
    const link = node.inputs?.[slot]?.link;
    return link == null ? [] : [{ id: `${inside}${id}`, from: `@${prefix}${link}`, slot: 0 }];
  });
  return { nodes: flat.nodes.map((child) => rename(child, outer)), links: flat.links, aliases: flat.aliases, outputs };
}

/** A child whose inputs come from outside: where nothing is linked there, the outer node's widget may give the value. */
function withOuter(
  child: UiNode,
  outer: UiNode,
  subgraph: UiSubgraph,
  crossing: readonly Ends[],
  { byInput, byNode }: PromotedValues,
): UiNode {
  const values: Record<string, InputValue> = { ...byNode.get(String(child.id)) };
  const inputs = child.inputs?.map((input) => {
    const ends = crossing.find(({ id }) => id === String(input.link));
    if (ends === undefined || outer.inputs?.[ends.slot]?.link != null) return input;
    const value = byInput.get(subgraph.inputs?.[ends.slot]?.name ?? "");
    if (value !== undefined) values[input.name] = value;
    return { ...input, link: null };
  });
  return {
    ...child,
    ...(inputs === undefined ? {} : { inputs }),
    ...(Object.keys(values).length > 0 ? { values } : {}),
  };
}

function rename(child: UiNode, outer: readonly FlatLink[]): UiNode {
  if (child.inputs === undefined) return child;
  const inputs = child.inputs.map((input) => {
    const found = outer.find(({ id }) => id === input.link);
    return found === undefined ? input : { ...input, link: found.from.slice(1) };
  });
  return { ...child, inputs };
}

function named(link: UiLink): Ends {
  const [id, from, slot, to, toSlot] = Array.isArray(link)
    ? link
    : [link.id, link.origin_id, link.origin_slot, link.target_id, link.target_slot];
  return { id: String(id), from: String(from), slot, to: String(to), toSlot };
}
