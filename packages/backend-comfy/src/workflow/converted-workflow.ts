import type { ConfigError } from "@latentkit/core";
import { workflowError } from "../comfy-error.ts";
import type { Graph } from "../graph/graph.ts";
import { inside } from "./editor/resolve.ts";
import { isVirtual } from "./editor/virtual-nodes.ts";
import type { Target } from "./parameters.ts";
import { recorded } from "./recorded-workflow.ts";
import type { Conversion, Placed } from "./ui-to-api.ts";

/** A workflow's graph for one server, and what its names lead to. */
export class ConvertedWorkflow {
  readonly graph: Graph;
  readonly #conversion: Conversion | undefined;
  readonly #pngInfo: unknown;

  /** @param source what the graph was made of: the editor's file, or what a prompt in API format carried beside. */
  constructor(graph: Graph, source: { conversion?: Conversion; pngInfo?: unknown } = {}) {
    this.graph = graph;
    this.#conversion = source.conversion;
    this.#pngInfo = source.pngInfo;
  }

  /**
   * A node's id in the graph, from its id or title; of a node in a subgraph also the way to it by ids or titles, such as
   * `Sample:KSampler`.
   *
   * @throws ConfigError when there is none, or several have the title.
   */
  find(name: string, field: string): string {
    return this.#found(name, field, false);
  }

  /**
   * The inputs of the graph that a parameter goes into: its node's, or where the node stands for a subgraph those that
   * its field leads to.
   *
   * @throws ConfigError when there is no such node, or no such input.
   */
  targets({ node: name, input }: Target, field: string, mayBeNew = false): readonly Target[] {
    const id = this.#found(name, field, true);
    const node = this.graph[id];
    if (node !== undefined) {
      if (node.inputs[input] === undefined && !mayBeNew) {
        throw broken(field, `node "${name}" has no input "${input}"; it has ${Object.keys(node.inputs).join(", ")}`);
      }
      return [{ node: id, input }];
    }
    const host = this.#conversion!.hosts.get(id)!;
    const targets = behind(host, input);
    const names = host.node.inside!.inputs.map((own) => own.name);
    if (targets === undefined)
      throw broken(field, `the subgraph "${name}" has no input "${input}"; it has ${names.join(", ")}`);
    if (targets.length === 0) throw broken(field, `the input "${input}" of the subgraph "${name}" leads nowhere`);
    return targets;
  }

  /** What is to be written into the pictures' files, so that the editor opens them: the file with the values that ran. */
  pngInfo(graph: Graph): unknown {
    if (this.#conversion === undefined) return this.#pngInfo;
    return { workflow: recorded(this.#conversion, graph) };
  }

  /** Ids of the graph's nodes with the titles on the way to each; of nodes that stand for subgraphs too. */
  #names(withHosts: boolean): [id: string, titles: string[]][] {
    const hosts = this.#conversion?.hosts ?? new Map<string, Placed>();
    const ids = [...Object.keys(this.graph), ...(withHosts ? hosts.keys() : [])];
    return ids.map((id) => {
      const steps = id.split(":");
      const titles = steps.map((step, place) => {
        const at = steps.slice(0, place + 1).join(":");
        return hosts.get(at)?.node.title ?? this.graph[at]?._meta?.title ?? step;
      });
      return [id, titles];
    });
  }

  #found(name: string, field: string, withHosts: boolean): string {
    if (name in this.graph || (withHosts && this.#conversion?.hosts.has(name))) return name;
    const names = this.#names(withHosts);
    const isWay = ([id, titles]: [string, string[]]) => {
      const steps = id.split(":");
      const ways = steps.reduce<string[]>(
        (before, step, place) => before.flatMap((way) => [`${way}:${step}`, `${way}:${titles[place]}`]),
        [""],
      );
      return titles.at(-1) === name || (steps.length > 1 && ways.includes(`:${name}`));
    };
    const found = names.filter(isWay);
    // A title of the workflow itself goes before the same within a subgraph.
    const outer = found.filter(([id]) => !id.includes(":"));
    const fitting = outer.length === 1 ? outer : found;
    if (fitting.length === 1) return fitting[0]![0];
    const known = names.map(([id, titles]) => `${id} (${titles.at(-1)})`);
    const why = fitting.length > 1 ? `several nodes have the title "${name}"` : `there is no node "${name}"`;
    const listed = fitting.length > 1 ? fitting.map(([id, titles]) => `${id} (${titles.join(":")})`) : known;
    throw broken(field, `${why}; nodes are ${listed.slice(0, 30).join(", ")}`);
  }
}

/** Inputs of nodes inside that a subgraph's input leads to; undefined where it has no such input. */
function behind({ frame, node: host }: Placed, input: string): Target[] | undefined {
  const within = inside(frame, host);
  const own = within.part.inputs.find(({ name }) => name === input);
  return own?.links.flatMap((id) => ends(within, id)) ?? undefined;
}

function ends(frame: Placed["frame"], id: string): Target[] {
  const node = frame.part.nodes.get(frame.part.links.get(id)?.to ?? "");
  const slot = node?.slots.find(({ link }) => link === id);
  if (node === undefined || slot === undefined) return [];
  if (node.inside !== undefined) return behind({ frame, node }, slot.name) ?? [];
  if (!isVirtual(node)) return [{ node: `${frame.path}${node.id}`, input: slot.name }];
  return [...frame.part.links.values()].flatMap((link) => (link.from === node.id ? ends(frame, link.id) : []));
}

function broken(field: string, message: string): ConfigError {
  return workflowError(`defineWorkflow: ${field}: ${message}`);
}
