import type { InputSpec } from "./input-spec.ts";

/** An input as `/object_info` declares it. */
export type RawInput = [type: unknown, settings?: unknown];

/** Reads inputs' declarations in the editor's order: the listed ones of each section, then what no list names. */
export function parseInputs(
  sections: Record<string, Record<string, RawInput> | undefined>,
  orders: Record<string, string[]> = {},
  isWithin = false,
): InputSpec[] {
  const listed: InputSpec[] = [];
  const rest: InputSpec[] = [];
  for (const section of ["required", "optional"]) {
    const declared = sections[section] ?? {};
    const order = Array.isArray(orders[section]) ? orders[section] : undefined;
    for (const name of new Set([...(order ?? []), ...Object.keys(declared)])) {
      const spec = declared[name];
      if (!Array.isArray(spec)) continue;
      const list = order === undefined || order.includes(name) ? listed : rest;
      list.push(parseInput(name, spec, section === "required", isWithin));
    }
  }
  return [...listed, ...rest];
}

/** Types that the editor has a widget of its own for. */
const ownWidgets = new Set([
  "COLOR",
  "COLORS",
  "CURVE",
  "RANGE",
  "BOUNDING_BOX",
  "BOUNDING_BOXES",
  "PAINTER",
  "IMAGECOMPARE",
  "COMPOSITOR",
  "VIDEO_EDIT",
  "CHART",
  "GALLERIA",
  "TEXTAREA",
  "MARKDOWN",
  "LOAD_3D",
  "LOAD_3D_ADVANCED",
  "PREVIEW_3D",
  "AUDIO_RECORD",
  "WEBCAM",
]);

/** Combos come as `[[…], {}]` and as `["COMBO", { options }]`; `widgetType` tells how a value of several types is typed in. */
function parseInput(name: string, [type, given]: RawInput, required: boolean, isWithin: boolean): InputSpec {
  const settings = isRecord(given) ? given : {};
  const base = { name, required };
  const fallback = settings["default"] === undefined ? {} : { default: settings["default"] };
  const choices = Array.isArray(type) ? type : type === "COMBO" ? (settings["options"] ?? []) : undefined;
  if (choices !== undefined) {
    const options = Array.isArray(choices) ? choices.filter(isChoice) : [];
    return {
      ...base,
      type: "COMBO",
      kind: "combo",
      options,
      ...fallback,
      ...(Object.keys(settings).some((key) => key.endsWith("_upload")) ? { upload: true } : {}),
      ...(settings["control_after_generate"] ? { control: true } : {}),
      ...(settings["multi_select"] ? { many: true } : {}),
      ...(settings["remote"] ? { remote: true } : {}),
    };
  }
  const text = String(type);
  if (settings["forceInput"] === true) return { ...base, type: text, kind: "link", forced: true };
  if (text === "COMFY_DYNAMICCOMBO_V3") return { ...base, type: text, ...parseBranches(settings["options"]) };
  if (text === "COMFY_AUTOGROW_V3") return { ...base, type: text, ...parseTemplate(settings["template"]) };
  if (text === "COMFY_MATCHTYPE_V3") {
    const { allowed_types: allowed, template_id: group } = isRecord(settings["template"]) ? settings["template"] : {};
    return { ...base, type: typeof allowed === "string" ? allowed : "*", kind: "link", match: String(group) };
  }
  const shown = typeof settings["widgetType"] === "string" ? settings["widgetType"] : text;
  if (shown === "INT" || shown === "FLOAT") {
    const bounds = Object.fromEntries(
      ["min", "max", "step"].flatMap((key) => (isNumber(settings[key]) ? [[key, settings[key]]] : [])),
    );
    const control = hasControl(isWithin ? "" : name, shown, settings) ? { control: true as const } : {};
    return { ...base, type: text, kind: "number", integer: shown === "INT", ...bounds, ...fallback, ...control };
  }
  if (shown === "STRING") {
    const dynamic = settings["dynamicPrompts"] === true ? { dynamicPrompts: true as const } : {};
    return { ...base, type: text, kind: "string", ...fallback, ...dynamic };
  }
  if (shown === "BOOLEAN") return { ...base, type: text, kind: "boolean", ...fallback };
  if (ownWidgets.has(shown)) return { ...base, type: text, kind: "value", widget: shown, ...fallback };
  return { ...base, type: text, kind: "link" };
}

function parseBranches(
  options: unknown,
): Pick<Extract<InputSpec, { kind: "dynamic" }>, "kind" | "options" | "branches"> {
  const known = (Array.isArray(options) ? options : []).filter(isRecord);
  return {
    kind: "dynamic",
    options: known.map(({ key }) => String(key)),
    branches: known.map(({ inputs }) => (isRecord(inputs) ? parseInputs(inputs as never, {}, true) : [])),
  };
}

function parseTemplate(
  template: unknown,
): Omit<Extract<InputSpec, { kind: "autogrow" }>, "name" | "required" | "type"> {
  const { input, names, prefix, min, max } = isRecord(template) ? template : {};
  const listed = Array.isArray(names) ? names.map(String) : undefined;
  return {
    kind: "autogrow",
    inputs: isRecord(input) ? parseInputs(input as never, {}, true) : [],
    ...(listed === undefined ? {} : { names: listed }),
    prefix: typeof prefix === "string" ? prefix : "",
    min: typeof min === "number" ? min : 1,
    max: Math.min(listed?.length ?? (typeof max === "number" ? max : 100), mostGrown),
  };
}

/** ComfyUI's own limit is 100. */
const mostGrown = 1000;

function isChoice(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** Seeds have a second widget in saved workflows ("randomize", "fixed" …): those within another input only where declared. */
function hasControl(name: string, type: string, settings: Record<string, unknown>): boolean {
  const declared = settings["control_after_generate"];
  const isSeed = type === "INT" && (name === "seed" || name === "noise_seed");
  return declared === undefined || declared === null ? isSeed : declared !== false;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
