import { type InputSpec, isWidget } from "../../server/input-spec.ts";
import type { NodeSpec } from "../../server/object-info.ts";

/** A field for typing a value, as the editor gives a node. */
export interface Widget {
  name: string;
  value: unknown;
  /** Whether it has a place in the file's `widgets_values`. */
  inFile: boolean;
  /** Whether its value is sent to the server. */
  inPrompt: boolean;
  spec?: InputSpec;
}

/** What the editor alone keeps beside a value: it has a place in the file, and is never sent. */
const companion = (name: string, value: unknown): Widget => ({ name, value, inFile: true, inPrompt: false });

/**
 * A node's widgets, which change as values are put in: a choice brings fields of its own, a list of options grows.
 * Their order is that of `widgets_values`.
 */
export class Widgets {
  readonly list: Widget[] = [];
  readonly #isCustomCombo: boolean;

  /** @param marked inputs of types that nobody knows, which the file itself calls widgets. */
  constructor(spec: NodeSpec, marked: ReadonlySet<string>) {
    this.#isCustomCombo = spec.name === "CustomCombo";
    for (const input of spec.inputs) if (input.kind === "autogrow") this.list.push(...grown(input, input.name));
    for (const input of spec.inputs) {
      const isMarked = input.kind === "link" && input.forced !== true && marked.has(input.name);
      if (isMarked) this.list.push({ name: input.name, value: undefined, inFile: true, inPrompt: true, spec: input });
      else if (isWidget(input)) this.list.push(...fresh(input, input.name, this.list));
    }
    if (this.#isCustomCombo) this.list.push(companion("index", -1), option(1));
  }

  find(name: string): Widget | undefined {
    return this.list.find((widget) => widget.name === name);
  }

  /** Puts a value in, with what follows from it. */
  set(widget: Widget, value: unknown): void {
    if (this.#isCustomCombo && widget.name === "index") return;
    widget.value = value;
    if (widget.spec?.kind === "dynamic") this.#branch(widget, widget.spec);
    if (this.#isCustomCombo && widget.name.startsWith("option") && widget === this.list.at(-1) && value) {
      this.list.push(option(this.list.length - 1));
    }
  }

  /** Values by their place. */
  restore(values: readonly unknown[]): void {
    let place = 0;
    for (let at = 0; at < this.list.length && place < values.length; at++) {
      if (this.list[at]!.inFile) this.set(this.list[at]!, values[place++]);
    }
  }

  /** Values by their widget's name. */
  restoreNamed(values: Readonly<Record<string, unknown>>): void {
    for (let at = 0; at < this.list.length; at++) {
      const widget = this.list[at]!;
      if (widget.inFile && Object.hasOwn(values, widget.name)) this.set(widget, values[widget.name]);
    }
  }

  /** Settles what only shows when all values are in. */
  settle(): void {
    for (const widget of this.list) {
      const { spec } = widget;
      const choices = spec?.kind === "combo" || spec?.kind === "dynamic" ? spec.options : [];
      if ((widget.value === null || widget.value === undefined) && choices.length > 0) this.set(widget, choices[0]);
    }
    if (!this.#isCustomCombo) return;
    const index = this.find("index")!;
    index.value = this.list.slice(2).findIndex(({ value }) => value === this.find("choice")?.value);
    index.inPrompt = true;
  }

  #branch(widget: Widget, spec: Extract<InputSpec, { kind: "dynamic" }>): void {
    const kept = this.list.filter(({ name }) => !name.startsWith(`${widget.name}.`));
    this.list.splice(0, this.list.length, ...kept);
    const branch = spec.branches[spec.options.indexOf(String(widget.value))] ?? [];
    const added = branch.flatMap((input) => fresh(input, `${widget.name}.${input.name}`, this.list));
    this.list.splice(this.list.indexOf(widget) + 1, 0, ...added);
  }
}

function option(number: number): Widget {
  return { name: `option${number}`, value: "", inFile: true, inPrompt: true };
}

/** The widgets of an autogrow input that nothing is linked to yet. */
function grown(input: Extract<InputSpec, { kind: "autogrow" }>, name: string): Widget[] {
  const places = Math.min(input.max, Math.max(1, input.min + 1));
  return Array.from({ length: places }, (_, place) => place).flatMap((place) =>
    input.inputs.filter(isWidget).flatMap((spec) => {
      const own = input.names?.[place] ?? `${input.inputs.length === 1 ? input.prefix : spec.name}${place}`;
      return fresh(spec, `${name}.${own}`, []);
    }),
  );
}

/** An input's widgets with the values that a new node has. */
function fresh(spec: InputSpec, name: string, before: readonly Widget[]): Widget[] {
  const widget = (value: unknown, inFile = true): Widget => ({ name, value, inFile, inPrompt: true, spec });
  const control = companion("control_after_generate", "randomize");
  switch (spec.kind) {
    case "number":
      return [widget(spec.default ?? 0), ...(spec.control ? [control] : [])];
    case "string":
      return [widget(spec.default ?? "")];
    case "boolean":
      return [widget(spec.default ?? false)];
    case "combo": {
      const filter = spec.control ? [control, companion("control_filter_list", "")] : [];
      const refresh = spec.remote ? [companion("auto refresh", false), companion("refresh", "refresh")] : [];
      return [widget(spec.many ? [] : spec.default || spec.options[0]), ...refresh, ...filter];
    }
    case "dynamic": {
      const first = widget(spec.options[0]);
      const branch = spec.branches[0] ?? [];
      return [first, ...branch.flatMap((input) => fresh(input, `${name}.${input.name}`, before))];
    }
    case "value":
      return own(spec, widget, before);
    case "autogrow":
      return grown(spec, name);
    case "link":
      return [];
  }
}

/** The widgets that the editor draws itself, with the fields and buttons that it puts around them. */
function own(
  spec: Extract<InputSpec, { kind: "value" }>,
  widget: (value: unknown, inFile?: boolean) => Widget,
  before: readonly Widget[],
): Widget[] {
  const { default: fallback } = spec;
  switch (spec.widget) {
    case "BOUNDING_BOX": {
      const box = (fallback ?? { x: 0, y: 0, width: 512, height: 512 }) as Record<string, unknown>;
      return [widget(box), ...["x", "y", "width", "height"].map((field) => companion(field, box[field]))];
    }
    case "IMAGECOMPARE":
      return [widget(["", ""], false)];
    case "COLOR":
      return [widget(fallback ?? "#000000")];
    case "COLORS":
    case "BOUNDING_BOXES":
      return [widget(fallback ?? [])];
    case "RANGE":
      return [widget(fallback ?? { min: 0, max: 1 })];
    case "CURVE": {
      const line = {
        points: [
          [0, 0],
          [1, 1],
        ],
        interpolation: "monotone_cubic",
      };
      return [widget(fallback ?? line)];
    }
    case "COMPOSITOR":
    case "VIDEO_EDIT":
      return [widget(fallback ?? {})];
    case "LOAD_3D": {
      const buttons = ["upload 3d model", "upload extra resources", "clear"].map((name) => companion(name, name));
      return [...(before.some(({ name }) => name === "model_file") ? buttons : []), widget(fallback ?? "")];
    }
    case "AUDIO_RECORD":
      return [widget(fallback ?? ""), companion("record", "")];
    default:
      return [widget(fallback ?? "")];
  }
}
