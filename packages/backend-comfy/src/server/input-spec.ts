/** What an input takes. Links are by type name (`"MODEL"`), values by kind. */
export type InputSpec = {
  name: string;
  required: boolean;
  /** The type as the server writes it; `"COMBO"` for a list of choices. */
  type: string;
} & (
  | {
      kind: "link";
      /** A value by its type, which the server wants linked all the same: old files hold a place for it. */
      forced?: true;
      /** Inputs of one such group take the same type as each other. */
      match?: string;
    }
  | {
      kind: "combo";
      options: readonly (string | number | boolean)[];
      default?: unknown;
      upload?: true;
      control?: true;
      /** Takes several of its choices, as a list. */
      many?: true;
      /** The server lists the choices at an address of its own. */
      remote?: true;
    }
  | {
      kind: "number";
      integer: boolean;
      min?: number | bigint;
      max?: number | bigint;
      step?: number;
      default?: unknown;
      control?: true;
    }
  | {
      kind: "string" | "boolean";
      default?: unknown;
      /** Choices such as `{a|b}` and comments in it are the editor's to resolve. */
      dynamicPrompts?: true;
    }
  /** A value that the editor has a widget of its own for: a colour, a curve, a crop. */
  | { kind: "value"; default?: unknown; widget: string }
  /** A choice that brings inputs of its own, whose names are `<name>.<input>`. */
  | { kind: "dynamic"; options: readonly string[]; branches: readonly (readonly InputSpec[])[] }
  /** As many inputs as are linked, named `<name>.<prefix>0` and on, or from a list of names. */
  | {
      kind: "autogrow";
      inputs: readonly InputSpec[];
      names?: readonly string[];
      prefix: string;
      min: number;
      max: number;
    }
);

/** Inputs that have a field for typing a value, and so a widget in saved workflows. */
export function isWidget(input: InputSpec): boolean {
  return input.kind !== "link" && input.kind !== "autogrow";
}

/** An input's children that a graph's node has: those of its choice, or as many as are there. */
export function childrenOf(input: InputSpec, given: Readonly<Record<string, unknown>>): readonly InputSpec[] {
  const named = (spec: InputSpec, name: string) => ({ ...spec, name: `${input.name}.${name}` });
  if (input.kind === "dynamic") {
    const branch = input.branches[input.options.indexOf(String(given[input.name]))] ?? [];
    return branch.flatMap((spec) => {
      const child = named(spec, spec.name);
      return [child, ...childrenOf(child, given)];
    });
  }
  return input.kind === "autogrow" ? grownInputs(input, given) : [];
}

/**
 * An autogrow input's own inputs: those that a node must have, and those that it has.
 *
 * @param spare how many places beyond the needed ones are there as well.
 */
export function grownInputs(
  input: InputSpec & { kind: "autogrow" },
  given: Readonly<Record<string, unknown>>,
  spare = 0,
): readonly InputSpec[] {
  const found: InputSpec[] = [];
  for (let place = 0; place < input.max; place++) {
    for (const spec of input.inputs) {
      const name = `${input.name}.${growName(input, spec, place)}`;
      const isNeeded = place < Math.max(spare, input.min + spare);
      if (isNeeded || Object.hasOwn(given, name))
        found.push({ ...spec, name, required: spec.required && place < input.min });
    }
  }
  return found;
}

/** The name, within its group, of one of the inputs that an autogrow input has for a place from 0. */
export function growName(
  { inputs, names, prefix }: Extract<InputSpec, { kind: "autogrow" }>,
  spec: InputSpec,
  place: number,
): string {
  return names?.[place] ?? `${inputs.length === 1 ? prefix : spec.name}${place}`;
}
