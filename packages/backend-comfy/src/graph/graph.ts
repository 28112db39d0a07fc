/** One end of a link: the id of a node, and which of its outputs. */
export type Link = readonly [string, number];
/** What an input holds: a link or a plain value. */
export type InputValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Link
  | readonly unknown[]
  | { [key: string]: unknown };

/** What the server keeps with a node and never reads. */
export interface NodeMeta {
  title: string;
  /** A sampler's number of steps, where no input says it; the first of them and of how many, where it samples a stretch. */
  steps?: number;
  from?: number;
  of?: number;
}

/** One node as `POST /prompt` takes it. */
export interface GraphNode {
  class_type: string;
  /** Always present: a node without `inputs` kills ComfyUI's worker. */
  inputs: Record<string, InputValue>;
  _meta?: NodeMeta;
}

/** A whole graph in API format, by node id. */
export type Graph = Record<string, GraphNode>;

/** Which request field each input's value came from, as `"<node id>.<input>"` to `"steps"`. */
export type FieldMap = Record<string, string>;

/** Whether an input is a link. */
export function isLink(value: unknown): value is Link {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && typeof value[1] === "number";
}

/** Collects nodes under ids that say what they are, and remembers which request field each value came from. */
export class GraphBuilder {
  readonly graph: Graph = {};
  readonly fields: FieldMap = {};

  /**
   * Adds a node, or finds the one that has this id already.
   *
   * @param fields request field by input, for inputs that a user's value went into.
   * @returns a function from output number to link.
   */
  add(
    id: string,
    classType: string,
    inputs: Record<string, InputValue>,
    fields: Record<string, string> = {},
    meta: Omit<NodeMeta, "title"> = {},
  ): (slot?: number) => Link {
    this.graph[id] ??= { class_type: classType, inputs, _meta: { title: id.replaceAll("-", " "), ...meta } };
    for (const [input, field] of Object.entries(fields)) this.fields[`${id}.${input}`] ??= field;
    return (slot = 0) => [id, slot];
  }
}

/** The id of a node that each picture has its own of: `sampler`, `sampler-1`, `sampler-2` … */
export function idOf(base: string, index: number): string {
  return index === 0 ? base : `${base}-${index}`;
}
