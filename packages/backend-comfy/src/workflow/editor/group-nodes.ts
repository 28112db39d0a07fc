import { workflowError } from "../../comfy-error.ts";
import { isWidget } from "../../server/input-spec.ts";
import type { NodeSpec, ObjectInfo } from "../../server/object-info.ts";
import type { UiLink, UiNode, UiSubgraph, UiWorkflow } from "../ui-workflow.ts";
import { Widgets } from "./widgets.ts";

/** A group node as files of editors before subgraphs hold it, under `extra.groupNodes`. */
interface GroupData {
  nodes: (Omit<UiNode, "id"> & { index?: number })[];
  /** From a node's place and output to another's place and input. */
  links: (number | string | null)[][];
  /** Outputs that are linked outside as well as inside: a node's place and its output. */
  external?: (number | string)[][];
  config?: Record<string, { input?: Record<string, Shown>; output?: Record<string, Shown> }>;
}
interface Shown {
  name?: string;
  visible?: boolean;
}

/** Puts a subgraph in the place of each group node, with the node's own values in it. */
export function withGroups(workflow: UiWorkflow, info: ObjectInfo): UiWorkflow {
  const groups = workflow.extra?.groupNodes ?? {};
  const subgraphs: UiSubgraph[] = [];
  const nodes = workflow.nodes.map((node) => {
    const name = /^workflow[>/](.+)$/s.exec(node.type)?.[1];
    if (name === undefined || node.mode === 2) return node;
    const data = groups[name] as GroupData | undefined;
    const id = `group ${node.id}`;
    if (!Array.isArray(data?.nodes) || !Array.isArray(data.links)) {
      throw workflowError(
        `The workflow's node ${node.id} is the group node "${name}", which the file does not describe (extra.groupNodes): convert it to a subgraph in the editor.`,
        { details: { node: String(node.id) } },
      );
    }
    subgraphs.push(new Group(data, info).subgraph(id, node));
    return { ...node, type: id, widgets_values: null, widgets_values_named: null };
  });
  if (subgraphs.length === 0) return workflow;
  const { definitions } = workflow;
  return {
    ...workflow,
    nodes,
    definitions: { ...definitions, subgraphs: [...(definitions?.subgraphs ?? []), ...subgraphs] },
  };
}

class Group {
  readonly #data: GroupData;
  readonly #info: ObjectInfo;
  readonly #seen = new Map<string, number>();
  readonly #inputs: { name: string; node: number; slot: number }[] = [];

  constructor(data: GroupData, info: ObjectInfo) {
    this.#data = data;
    this.#info = info;
  }

  subgraph(id: string, outer: UiNode): UiSubgraph {
    const values = Array.isArray(outer.widgets_values) ? [...outer.widgets_values] : [];
    const late: (() => void)[] = [];
    const nodes = this.#data.nodes.map((inner, place) => this.#node(inner, place, values, late));
    for (const add of late) add();
    const links = this.#data.links.flatMap(([from, slot, to, toSlot], place): UiLink[] => {
      if ([from, slot, to, toSlot].some((end) => end === null || end === undefined)) return [];
      return [[`in ${place}`, from!, Number(slot), to!, Number(toSlot), "*"]];
    });
    for (const [place, { node, slot }] of this.#inputs.entries())
      links.push([`to ${place}`, -10, place, node, slot, "*"]);
    const outputs = this.#outputs();
    for (const [place, [node, slot]] of outputs.entries()) links.push([`out ${place}`, node, slot, -20, place, "*"]);
    for (const node of nodes) {
      for (const [place, input] of (node.inputs ?? []).entries()) {
        const link = links.find((own) => Array.isArray(own) && String(own[3]) === String(node.id) && own[4] === place);
        input.link = Array.isArray(link) ? link[0] : null;
      }
    }
    const inputs = this.#inputs.map(({ name }) => ({ name, type: "*" }));
    return { id, isGroup: true, nodes, links, inputs, outputs: outputs.map((_, place) => ({ name: String(place) })) };
  }

  /** An inner node with the outer node's values, of which it takes its own from the front of the list. */
  #node(inner: GroupData["nodes"][number], place: number, values: unknown[], late: (() => void)[]): UiNode {
    const spec = this.#info.node(inner.type);
    const node: UiNode = { ...inner, id: place };
    if (inner.type === "PrimitiveNode") {
      const own = Array.isArray(inner.widgets_values) ? inner.widgets_values : [];
      this.#name(inner, "value");
      return { ...node, widgets_values: values.splice(0, own.length) };
    }
    if (spec === undefined) {
      const isFed = this.#data.links.some((link) => Number(link[2]) === place);
      if (inner.type === "Reroute" && !isFed) this.#inputs.push({ name: this.#name(inner, "*"), node: place, slot: 0 });
      return node;
    }
    const converted = (inner.inputs ?? []).filter(({ name, widget }) => widget?.name === name).map(({ name }) => name);
    const widgets = new Widgets(spec, new Set());
    if (Array.isArray(inner.widgets_values)) widgets.restore(inner.widgets_values);
    this.#take(widgets, converted, inner, values);
    const slots = spec.inputs.filter((input) => !isWidget(input)).map(({ name }) => name);
    this.#offer(inner, place, slots, 0);
    late.push(() => this.#offer(inner, place, converted, slots.length));
    const inputs = [...slots, ...converted].map((name) => ({
      name,
      type: spec.inputs.find((input) => input.name === name)?.type ?? "*",
      ...(converted.includes(name) ? { widget: { name } } : {}),
    }));
    const named = Object.fromEntries(widgets.list.map(({ name, value }) => [name, value]));
    return { ...node, inputs, widgets_values: null, widgets_values_named: named };
  }

  /** Fields of the inner node are the outer node's, in order; those that were made inputs are not. */
  #take(widgets: Widgets, converted: readonly string[], inner: GroupData["nodes"][number], values: unknown[]): void {
    let isOwn = true;
    for (let at = 0; at < widgets.list.length; at++) {
      const widget = widgets.list[at]!;
      if (widget.spec !== undefined) {
        isOwn = !converted.includes(widget.name);
        if (isOwn) this.#name(inner, widget.name);
      }
      if (isOwn && widget.inFile && values.length > 0) widgets.set(widget, values.shift());
    }
  }

  /** Inputs that nothing inside is linked to are the outer node's. */
  #offer(inner: GroupData["nodes"][number], place: number, names: readonly string[], first: number): void {
    for (const [i, name] of names.entries()) {
      const slot = first + i;
      if (this.#data.links.some((link) => Number(link[2]) === place && Number(link[3]) === slot)) continue;
      const outer = this.#name(inner, name);
      if (this.#data.config?.[place]?.input?.[name]?.visible === false) continue;
      this.#inputs.push({ name: outer, node: place, slot });
    }
  }

  /** The outer name of an inner node's input: with the node's title where another has the same. */
  #name(inner: GroupData["nodes"][number], input: string): string {
    const place = this.#data.nodes.indexOf(inner);
    const label = (inner.inputs?.find(({ name }) => name === input) as { label?: string } | undefined)?.label;
    let name = this.#data.config?.[place]?.input?.[input]?.name ?? label ?? input;
    let key = name;
    if ((inner.type === "PrimitiveNode" && inner.title) || this.#seen.has(name)) {
      const prefix = `${inner.title ?? inner.type} `;
      key = name = `${prefix}${input}`;
      if (this.#seen.has(name)) name = `${prefix}${this.#seen.get(name)} ${input}`;
    }
    this.#seen.set(key, (this.#seen.get(key) ?? 1) + 1);
    return name;
  }

  /** The outer node's outputs, in order: those that no inner node takes, or that are linked outside as well. */
  #outputs(): [node: number, slot: number][] {
    const { nodes, links, external = [], config } = this.#data;
    return nodes.flatMap((inner, place) => {
      const count = outputsOf(inner, this.#info.node(inner.type));
      return Array.from({ length: count }, (_, slot) => slot).flatMap((slot): [number, number][] => {
        const isTaken = links.some(([from, at]) => Number(from) === place && Number(at) === slot);
        const isOutside = external.some(([from, at]) => Number(from) === place && Number(at) === slot);
        const isShown = config?.[place]?.output?.[slot]?.visible ?? (!isTaken || isOutside);
        return isShown ? [[place, slot]] : [];
      });
    });
  }
}

function outputsOf({ type, outputs = [] }: GroupData["nodes"][number], spec: NodeSpec | undefined): number {
  if (type === "PrimitiveNode" || type === "Reroute") return 1;
  return spec?.outputs.length ?? outputs.length;
}
