import { requestJsonSchema } from "../../packages/core/src/request/json-schema.ts";
import { type Field, type InputType, inputTypes, variants } from "./request-fields.ts";

/** The page about requests, made from the documented inputs and the rules that requests are checked with. */
export const requestPageFile = new URL("../../docs/request.md", import.meta.url);

interface Rule {
  [key: string]: unknown;
  properties?: Record<string, Rule>;
  items?: Rule;
  anyOf?: Rule[];
  oneOf?: Rule[];
}

/** The page's text. */
export function requestPage(): string {
  const types = inputTypes();
  const { tasks, conditionings } = variants(types);
  const rules = new Map((requestJsonSchema().oneOf as Rule[]).map((rule) => [tag(rule, "task"), rule]));
  const shared = types.get("SharedInput") as InputType;
  const ofText = rules.get("text-to-image") as Rule;
  const isShared = (field: Field) => shared.fields.some(({ name }) => name === field.name);
  const parts = [
    intro,
    ...tasks.map(([task, { description, fields }]) =>
      [
        `## ${task}`,
        description,
        table(
          fields.filter((field) => !isShared(field)),
          rules.get(task) as Rule,
        ),
      ].join("\n\n"),
    ),
    ["## Fields of every task", shared.description, table(shared.fields, ofText)].join("\n\n"),
  ];
  const nested = shared.fields.flatMap((field): string[] => {
    const type = types.get(field.type.replace(/\[\]$/, ""));
    const own = ofText.properties?.[field.name] as Rule;
    if (type !== undefined) {
      const rule = own.items ?? own;
      return [
        [`## \`${field.name}\``, type.description, table(type.fields, rule), ...deeper(type, rule, types)].join("\n\n"),
      ];
    }
    if (field.type !== "ConditioningInput[]") return [];
    const kinds = own.items?.oneOf ?? own.items?.anyOf ?? [];
    return conditionings.map(([kind, input]) => {
      const rule = kinds.find((candidate) => tag(candidate, "kind") === kind) as Rule;
      return [`## \`conditioning\`: \`${kind}\``, input.description, table(input.fields, rule)].join("\n\n");
    });
  });
  return `${[...parts, ...nested].join("\n\n")}\n`;
}

const intro = `<!-- Written by: node tools/docs/request.ts -->

# The request

Every field of every task, as the compiler, \`parseRequest\` and \`requestJsonSchema()\` know them. Only what is called required is; what is left out
the backend decides, and tells in the recipe. What a backend or a model can't do is refused before any work, with the field's name:
\`client.capabilities()\` tells beforehand. [Examples of each task](examples.md).

A request without \`task\` is told by what it brings: a \`mask\` is inpainting; an \`image\` with \`left\`, \`right\`, \`top\` or \`bottom\` outpainting, with
\`scale\` upscaling, else image-to-image; without a picture it is text-to-image.

A picture (\`image\`, \`mask\`) is a file path, an \`http(s)\`, \`file\` or \`data\` URL, the bytes of a PNG, JPEG or WebP file, an \`ArrayBuffer\`, a \`Blob\` or
\`File\`, a generated picture or an event's, or \`{ path }\`, \`{ url }\` or \`{ base64 }\`. A latent is \`{ data, shape }\`, or the same of a \`.safetensors\`,
\`.latent\` or \`.npy\` file.`;

function deeper(type: InputType, rule: Rule, types: ReadonlyMap<string, InputType>): string[] {
  return type.fields.flatMap((field) => {
    const own = types.get(field.type);
    return own === undefined ? [] : [`\`${field.name}\` is`, table(own.fields, rule.properties?.[field.name] as Rule)];
  });
}

function tag(rule: Rule, name: string): unknown {
  return (rule.properties?.[name] as { const?: unknown } | undefined)?.const;
}

function table(fields: readonly Field[], rule: Rule): string {
  const rows = fields.map((field) => {
    const own = rule.properties?.[field.name] ?? {};
    const range = [written[field.type] ?? rangeOf(own), field.unit]
      .filter((part) => part !== undefined && part !== "")
      .join(" ");
    const initial = field.optional ? defaultOf(own) : "required";
    return `| \`${field.name}\` | ${range} | ${initial} | ${escapeBars(field.description)} |`;
  });
  return ["| Field | Values | Default | |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** Values that JSON has in more than one form. */
const written: Readonly<Record<string, string>> = {
  ImageInput: "a picture",
  LatentInput: "a latent",
  SeedInput: "whole, 0 to 2^64-1",
  SamplerName: "a name",
  SchedulerName: "a name",
};

function rangeOf(rule: Rule): string {
  if (rule.const !== undefined) return `\`"${rule.const}"\``;
  if (Array.isArray(rule.enum)) return rule.enum.map((value) => `\`"${value}"\``).join(", ");
  if (rule.type === "boolean") return "true, false";
  if (rule.type === "number" || rule.type === "integer") {
    const least = rule.exclusiveMinimum === undefined ? short(rule.minimum) : `above ${short(rule.exclusiveMinimum)}`;
    const most = short(rule.maximum ?? rule.exclusiveMaximum);
    const kind = rule.type === "integer" ? "whole, " : "";
    return `${kind}${[least, most].filter((bound) => bound !== "").join(" to ") || "any number"}`;
  }
  if (rule.type === "array") return "list";
  if (rule.type === "object") return "object";
  return rule.type === "string" ? "text" : "";
}

/** Bounds that only say what a double can hold exactly are none. */
function short(bound: unknown): string {
  return typeof bound !== "number" || Math.abs(bound) === Number.MAX_SAFE_INTEGER ? "" : String(bound);
}

function defaultOf({ default: value }: Rule): string {
  if (value === undefined) return "";
  const text = JSON.stringify(value);
  return text === "{}" || text === "[]" ? "none" : `\`${text}\``;
}

function escapeBars(text: string): string {
  return text.replaceAll("|", "\\|");
}
