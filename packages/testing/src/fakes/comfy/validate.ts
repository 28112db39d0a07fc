import type { RawNode } from "./nodes.ts";
import { ancestry, isLink, type Prompt } from "./prompt.ts";

/** One complaint about an input, as ComfyUI words it. */
interface Complaint {
  type: string;
  message: string;
  details: string;
  extra_info: Record<string, unknown>;
}

/** What `POST /prompt` finds out. */
export interface Verdict {
  error?: { type: string; message: string; details: string; extra_info: Record<string, unknown> };
  node_errors: Record<string, { errors: Complaint[]; dependent_outputs: string[]; class_type: string }>;
  outputs: string[];
}

/** Checks a prompt the way the server does: outputs whose branch is sound run, and the others are dropped with errors. */
export function validate(
  prompt: Prompt,
  nodes: Record<string, RawNode>,
  files: { has(name: string): boolean },
): Verdict {
  for (const [id, { class_type }] of Object.entries(prompt)) {
    if (nodes[class_type] === undefined) {
      const message = `Node '${class_type}' not found. The custom node may not be installed.`;
      return {
        error: { type: "missing_node_type", message, details: `Node ID '#${id}'`, extra_info: {} },
        node_errors: {},
        outputs: [],
      };
    }
  }
  const ends = Object.keys(prompt).filter((id) => nodes[prompt[id]!.class_type]!.output_node);
  if (ends.length === 0) {
    return {
      error: { type: "prompt_no_outputs", message: "Prompt has no outputs", details: "", extra_info: {} },
      node_errors: {},
      outputs: [],
    };
  }
  const node_errors: Verdict["node_errors"] = {};
  const outputs = ends.filter((end) => {
    const broken = ancestry(prompt, end).filter((id) => {
      const errors = [...complaints(prompt, id, nodes), ...missingFile(prompt, id, files)];
      if (errors.length === 0) return false;
      node_errors[id] ??= { errors, dependent_outputs: [], class_type: prompt[id]!.class_type };
      node_errors[id].dependent_outputs.push(end);
      return true;
    });
    return broken.length === 0;
  });
  if (outputs.length > 0) return { node_errors, outputs };
  const error = {
    type: "prompt_outputs_failed_validation",
    message: "Prompt outputs failed validation",
    details: "",
    extra_info: {},
  };
  return { error, node_errors, outputs: [] };
}

/** LoadImage and its kin look whether the file exists. */
function missingFile(prompt: Prompt, id: string, files: { has(name: string): boolean }): Complaint[] {
  const { class_type, inputs = {} } = prompt[id]!;
  if (!class_type.startsWith("LoadImage") || files.has(String(inputs["image"]))) return [];
  const details = `image - Invalid image file: ${inputs["image"]}`;
  return [complain("custom_validation_failed", "Custom validation failed for node", details, { input_name: "image" })];
}

function complaints(prompt: Prompt, id: string, nodes: Record<string, RawNode>): Complaint[] {
  const { class_type, inputs = {} } = prompt[id]!;
  const { required, optional = {} } = nodes[class_type]!.input;
  return Object.entries({ ...required, ...optional }).flatMap(([name, declared]) => {
    const value = inputs[name];
    const config = declared as [unknown, Record<string, unknown>?];
    if (value === undefined) {
      if (!(name in required)) return [];
      return [complain("required_input_missing", "Required input is missing", name, { input_name: name })];
    }
    return judge(prompt, name, value, config, nodes);
  });
}

function judge(
  prompt: Prompt,
  name: string,
  value: unknown,
  config: [unknown, Record<string, unknown>?],
  nodes: Record<string, RawNode>,
): Complaint[] {
  const [type, settings = {}] = config;
  const info = { input_name: name, input_config: config, received_value: value };
  if (isLink(value)) {
    const source = prompt[value[0]];
    const given = source === undefined ? undefined : nodes[source.class_type]?.output[value[1]];
    if (given === type) return [];
    return [
      complain(
        "return_type_mismatch",
        "Return type mismatch between linked nodes",
        `${name}, received_type(${given}) mismatch input_type(${type})`,
        info,
      ),
    ];
  }
  const options = Array.isArray(type) ? type : type === "COMBO" ? (settings["options"] as unknown[]) : undefined;
  if (options !== undefined) {
    if (options.includes(value) || settings["image_upload"] === true) return [];
    return [
      complain("value_not_in_list", "Value not in list", `${name}: '${value}' not in ${JSON.stringify(options)}`, info),
    ];
  }
  if (type !== "INT" && type !== "FLOAT") return [];
  const number = value as number | bigint;
  const { min, max } = settings as { min?: number | bigint; max?: number | bigint };
  if (min !== undefined && number < min)
    return [complain("value_smaller_than_min", `Value ${value} smaller than min of ${min}`, name, info)];
  if (max !== undefined && number > max)
    return [complain("value_bigger_than_max", `Value ${value} bigger than max of ${max}`, name, info)];
  return [];
}

function complain(type: string, message: string, details: string, extra_info: Record<string, unknown>): Complaint {
  return { type, message, details, extra_info };
}
