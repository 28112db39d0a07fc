import type { InputSpec } from "./input-spec.ts";
import { parseInputs, type RawInput } from "./parse-inputs.ts";

/** One node type. */
export interface NodeSpec {
  name: string;
  displayName: string;
  category: string;
  description: string;
  /** In the order in which the node declares them, required ones first: the order of widgets in saved workflows. */
  inputs: readonly InputSpec[];
  outputs: readonly { name: string; type: string; isList: boolean }[];
  /** Whether it is an end of a graph: saves, shows or sends something. */
  isOutput: boolean;
  deprecated: boolean;
}

interface RawNode {
  input?: Record<string, Record<string, RawInput> | undefined>;
  input_order?: Record<string, string[]>;
  output?: unknown[];
  output_name?: unknown[];
  output_is_list?: unknown[];
  output_node?: unknown;
  display_name?: unknown;
  category?: unknown;
  description?: unknown;
  deprecated?: unknown;
}

/** A server's node types, read from `GET /object_info`. */
export class ObjectInfo {
  readonly nodes: ReadonlyMap<string, NodeSpec>;

  constructor(nodes: ReadonlyMap<string, NodeSpec>) {
    this.nodes = nodes;
  }

  /** Reads the answer of `/object_info`; a node that a custom pack declares in no known form is left out. */
  static parse(raw: unknown): ObjectInfo {
    const nodes = new Map<string, NodeSpec>();
    if (typeof raw === "object" && raw !== null) {
      for (const [name, value] of Object.entries(raw)) {
        const node = parseNode(name, value);
        if (node !== undefined) nodes.set(name, node);
      }
    }
    return new ObjectInfo(nodes);
  }

  /** Whether the server declares inputs that grow and branch, as those of newer editors do. */
  get isRecent(): boolean {
    return [...this.nodes.values()].some(({ inputs }) =>
      inputs.some(({ kind }) => kind === "dynamic" || kind === "autogrow"),
    );
  }

  has(classType: string): boolean {
    return this.nodes.has(classType);
  }

  node(classType: string): NodeSpec | undefined {
    return this.nodes.get(classType);
  }

  input(classType: string, name: string): InputSpec | undefined {
    return this.node(classType)?.inputs.find((input) => input.name === name);
  }

  /** The choices of a combo input; empty where the node or input does not exist. */
  choices(classType: string, name: string): readonly string[] {
    const input = this.input(classType, name);
    const options = input?.kind === "combo" || input?.kind === "dynamic" ? input.options : [];
    return options.filter((option) => typeof option === "string");
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

/** Whether a node tells what goes in and out in the form that is known. */
function isNode(value: unknown): value is RawNode {
  if (!isRecord(value)) return false;
  const { input, output } = value;
  if (!isAbsent(output) && !Array.isArray(output)) return false;
  if (isAbsent(input)) return true;
  return isRecord(input) && [input["required"], input["optional"]].every((part) => isAbsent(part) || isRecord(part));
}

function parseNode(name: string, raw: unknown): NodeSpec | undefined {
  if (!isNode(raw)) return undefined;
  const inputs = parseInputs(raw.input ?? {}, raw.input_order);
  const outputs = (raw.output ?? []).map((type, i) => ({
    type: Array.isArray(type) ? "COMBO" : String(type),
    name: String(raw.output_name?.[i] ?? type),
    isList: raw.output_is_list?.[i] === true,
  }));
  return {
    name,
    displayName: typeof raw.display_name === "string" ? raw.display_name : name,
    category: typeof raw.category === "string" ? raw.category : "",
    description: typeof raw.description === "string" ? raw.description : "",
    inputs,
    outputs,
    isOutput: raw.output_node === true,
    deprecated: raw.deprecated === true,
  };
}
