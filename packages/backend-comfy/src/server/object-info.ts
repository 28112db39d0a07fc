/** What an input takes. Links are by type name (`"MODEL"`), values by kind. */
export type InputSpec = {
  name: string;
  required: boolean;
  /** The type as the server writes it; `"COMBO"` for a list of choices. */
  type: string;
} & (
  | { kind: "link" }
  | { kind: "combo"; options: readonly (string | number | boolean)[]; default?: unknown; upload?: true }
  | {
      kind: "number";
      integer: boolean;
      min?: number | bigint;
      max?: number | bigint;
      step?: number;
      default?: unknown;
      control?: true;
    }
  | { kind: "string" | "boolean"; default?: unknown }
);

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

type RawInput = [type: unknown, settings?: unknown];
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

/** Inputs that have a field for typing a value, and so a widget in saved workflows. */
export function isWidget(input: InputSpec): boolean {
  return input.kind !== "link";
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
    return input?.kind === "combo" ? input.options.filter((option) => typeof option === "string") : [];
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
  const inputs = ["required", "optional"].flatMap((section) => {
    const declared = raw.input?.[section] ?? {};
    const listed = raw.input_order?.[section];
    const order = Array.isArray(listed) ? listed : Object.keys(declared);
    return order.flatMap((input) => {
      const spec = declared[input];
      return Array.isArray(spec) ? [parseInput(input, spec, section === "required")] : [];
    });
  });
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

/** Combos come as `[[…], {}]` and as `["COMBO", { options }]`. */
function parseInput(name: string, [type, given]: RawInput, required: boolean): InputSpec {
  const settings = isRecord(given) ? given : {};
  const base = { name, required };
  const fallback = settings["default"] === undefined ? {} : { default: settings["default"] };
  const choices = Array.isArray(type) ? type : type === "COMBO" ? (settings["options"] ?? []) : undefined;
  if (choices !== undefined) {
    const options = Array.isArray(choices) ? choices.filter(isChoice) : [];
    const upload = Object.keys(settings).some((key) => key.endsWith("_upload")) ? { upload: true as const } : {};
    return { ...base, type: "COMBO", kind: "combo", options, ...fallback, ...upload };
  }
  const text = String(type);
  if (settings["forceInput"] === true) return { ...base, type: text, kind: "link" };
  if (text === "INT" || text === "FLOAT") {
    const bounds = Object.fromEntries(
      ["min", "max", "step"].flatMap((key) => (isNumber(settings[key]) ? [[key, settings[key]]] : [])),
    );
    const control = hasControl(name, settings) ? { control: true as const } : {};
    return { ...base, type: text, kind: "number", integer: text === "INT", ...bounds, ...fallback, ...control };
  }
  if (text === "STRING") return { ...base, type: text, kind: "string", ...fallback };
  if (text === "BOOLEAN") return { ...base, type: text, kind: "boolean", ...fallback };
  return { ...base, type: text, kind: "link" };
}

function isChoice(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** Seeds have a second widget in saved workflows: "randomize", "fixed" … */
function hasControl(name: string, settings: Record<string, unknown>): boolean {
  const declared = settings["control_after_generate"];
  return declared === undefined ? name === "seed" || name === "noise_seed" : declared !== false;
}
