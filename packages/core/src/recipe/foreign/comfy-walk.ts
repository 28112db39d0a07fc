import { JsonSettings } from "./json-settings.ts";

/** One node of an API-format graph. */
export interface ComfyNode {
  class_type: string;
  inputs: Record<string, unknown>;
}

/** An API-format graph, by node id. */
export type ComfyGraph = Record<string, ComfyNode>;

/** Where a value comes from when no input of the same name is known: nodes that hold one value. */
const valueInputs = ["value", "text", "string", "seed", "noise_seed", "int", "float", "number", "ckpt_name"];

/** Walks a graph from its output back to what it is made of, and notes each node on the way that it doesn't know. */
export class ComfyWalk {
  readonly settings = new JsonSettings({});
  readonly #graph: ComfyGraph;
  readonly #noted = new Set<ComfyNode>();

  constructor(graph: ComfyGraph) {
    this.#graph = graph;
  }

  get nodes(): ComfyNode[] {
    return Object.values(this.#graph);
  }

  /** The node that an input is linked to. */
  linked(node: ComfyNode | undefined, input: string): ComfyNode | undefined {
    const link = node?.inputs[input];
    const isLink = Array.isArray(link) && (typeof link[0] === "string" || typeof link[0] === "number");
    const id = isLink ? String(link[0]) : undefined;
    return id !== undefined && Object.hasOwn(this.#graph, id) ? this.#graph[id] : undefined;
  }

  /** An input's value, through nodes that only hold one. */
  value(node: ComfyNode | undefined, input: string, depth = 0): unknown {
    const value = node?.inputs[input];
    if (!Array.isArray(value)) return value;
    const holder = this.linked(node, input);
    const name = valueInputs.find((key) => holder !== undefined && key in holder.inputs);
    if (holder === undefined || name === undefined || depth > 20) {
      this.settings.note(input, holder?.class_type ?? "", "its value is worked out in the graph and is not known");
      return undefined;
    }
    return this.value(holder, name, depth + 1);
  }

  number(node: ComfyNode | undefined, input: string): number | undefined {
    const value = this.value(node, input);
    return typeof value === "number" ? value : undefined;
  }

  text(node: ComfyNode | undefined, input: string): string | undefined {
    const value = this.value(node, input);
    return typeof value === "string" ? value : undefined;
  }

  /** The chain of nodes from an input back, over one input of each. */
  *chain(from: ComfyNode | undefined, inputs: readonly string[]): Generator<ComfyNode> {
    const seen = new Set<ComfyNode>();
    let node = from;
    while (node !== undefined && !seen.has(node)) {
      seen.add(node);
      yield node;
      const here: ComfyNode = node;
      node = inputs.map((input) => this.linked(here, input)).find((next) => next !== undefined);
    }
  }

  /** Says once that a node is not followed. */
  unknown(node: ComfyNode): void {
    if (this.#noted.has(node)) return;
    this.#noted.add(node);
    const { class_type, inputs } = node;
    const plain = Object.entries(inputs).filter(([, value]) => !Array.isArray(value));
    this.settings.note(class_type, Object.fromEntries(plain), "this node is not followed");
  }
}
