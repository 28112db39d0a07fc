import type { Phase, ProgressEvent } from "@latentkit/core";
import type { Graph } from "../graph/graph.ts";

/** What a node counts for: a sampler as many as it has steps, any other node one. */
function weightOf(graph: Graph, id: string): number {
  const node = graph[id]!;
  const steps = node._meta?.steps ?? node.inputs["steps"];
  if (typeof steps === "number" && phaseOf(node.class_type) === "sample") return steps;
  return /^SamplerCustom/.test(node.class_type) ? 20 : 1;
}

/** What a node type is doing, in the contract's words. */
function phaseOf(classType: string): Phase {
  if (/Sampler(?!Select)/.test(classType)) return "sample";
  if (/Upscale/.test(classType) && !/Loader/.test(classType)) return "upscale";
  if (/^LoadImage/.test(classType)) return "upload";
  if (/Loader|^Load/.test(classType)) return "load";
  if (/TextEncode|VAEEncode|Conditioning/.test(classType)) return "encode";
  if (/VAEDecode/.test(classType)) return "decode";
  if (/^(Save|Preview)/.test(classType)) return "save";
  return "prepare";
}

interface Pace {
  startedAt: number;
  step: number;
}

/** One prompt's progress over all its nodes: each node's state, one fraction that never goes back, and sampler steps. */
export class ProgressTracker {
  readonly #graph: Graph;
  readonly #indexOf: (nodeId: string) => number | undefined;
  readonly #done = new Map<string, number>();
  readonly #cached = new Set<string>();
  readonly #told = new Map<string, number>();
  readonly #paces = new Map<string, Pace>();
  #fraction = 0;
  /** The node that works now. */
  current: string | undefined;

  /** @param indexOf which picture a node works for; undefined for one that all share. */
  constructor(graph: Graph, indexOf: (nodeId: string) => number | undefined) {
    this.#graph = graph;
    this.#indexOf = indexOf;
  }

  /** These nodes need no work. */
  cached(nodes: readonly string[]): void {
    for (const id of nodes) if (id in this.#graph) this.#cached.add(id);
  }

  /** A node begins; the one before is done. */
  executing(nodeId: string | null, displayNode?: string): ProgressEvent | undefined {
    const id = nodeId === null ? undefined : this.#resolve(displayNode ?? nodeId);
    const before = this.current;
    this.current = id;
    if (before === undefined || before === id) return undefined;
    return this.#finish(before);
  }

  /** A node has ended. */
  executed(nodeId: string, displayNode?: string): ProgressEvent | undefined {
    const id = this.#resolve(displayNode ?? nodeId);
    return id === undefined ? undefined : this.#finish(id);
  }

  /** A node reports `value` of `max`; one that a node was expanded to reports for that node. */
  progress(nodeId: string, value: number, max: number): ProgressEvent | undefined {
    const id = this.#resolve(nodeId);
    if (id === undefined || max <= 0) return undefined;
    const share = Math.min(1, value / max);
    if (share < (this.#done.get(id) ?? 0)) return undefined;
    this.#done.set(id, share);
    if (phaseOf(this.#graph[id]!.class_type) !== "sample") return undefined;
    const { from = 0, of = max } = this.#graph[id]!._meta ?? {};
    return this.#sampleEvent(id, from + Math.min(value, max), of);
  }

  /** The last sampler step of the picture that a node belongs to, for its previews. */
  stepAt(nodeId: string | undefined): number {
    const id = nodeId === undefined ? this.current : this.#resolve(nodeId);
    return id === undefined ? 0 : (this.#told.get(id) ?? this.#graph[id]?._meta?.from ?? 0);
  }

  /** A node's id in the graph: ids such as `2.0.0.1` are of nodes that `2` was expanded to. */
  #resolve(nodeId: string): string | undefined {
    if (nodeId in this.#graph) return nodeId;
    const parts = nodeId.split(/[.:]/);
    while (parts.length > 1) {
      parts.pop();
      for (const separator of [".", ":"]) {
        const id = parts.join(separator);
        if (id in this.#graph) return id;
      }
    }
    return undefined;
  }

  #finish(id: string): ProgressEvent | undefined {
    if (this.#done.get(id) === 1 && this.#told.has(`done ${id}`)) return undefined;
    this.#told.set(`done ${id}`, 1);
    this.#done.set(id, 1);
    const phase = phaseOf(this.#graph[id]!.class_type);
    if (phase === "sample") return undefined;
    const index = this.#indexOf(id);
    const kin = Object.keys(this.#graph).filter(
      (other) =>
        !this.#cached.has(other) && this.#indexOf(other) === index && phaseOf(this.#graph[other]!.class_type) === phase,
    );
    const step = kin.filter((other) => this.#done.get(other) === 1).length;
    if (!kin.includes(id)) return undefined;
    return this.#event(phase, step, kin.length, index);
  }

  /** Of several counts under one node, such as an expanded node's, the first is followed: steps never go back. */
  #sampleEvent(id: string, step: number, steps: number): ProgressEvent | undefined {
    const counted = this.#told.get(`steps ${id}`) ?? steps;
    this.#told.set(`steps ${id}`, counted);
    if (counted !== steps || step <= (this.#told.get(id) ?? -1)) return undefined;
    this.#told.set(id, step);
    const pace = this.#paces.get(id) ?? { startedAt: performance.now(), step };
    this.#paces.set(id, pace);
    const perStep = step > pace.step ? (performance.now() - pace.startedAt) / (step - pace.step) : undefined;
    const eta = perStep === undefined ? {} : { etaMs: Math.round(perStep * (steps - step)) };
    const phase = id.startsWith("hires-") ? "hires" : "sample";
    return { ...this.#event(phase, step, steps, this.#indexOf(id)), ...eta };
  }

  #event(phase: Phase, step: number, steps: number, index: number | undefined): ProgressEvent {
    let total = 0;
    let done = 0;
    for (const id of Object.keys(this.#graph)) {
      if (this.#cached.has(id)) continue;
      const weight = weightOf(this.#graph, id);
      total += weight;
      done += weight * (this.#done.get(id) ?? 0);
    }
    this.#fraction = Math.max(this.#fraction, total === 0 ? 0 : Math.min(1, done / total));
    return {
      type: "progress",
      phase,
      step,
      steps,
      fraction: this.#fraction,
      ...(index === undefined ? {} : { index }),
    };
  }
}
