import * as z from "zod";
import { type FieldText, fieldTexts } from "./field-texts.ts";
import { GenerationRequestSchema } from "./request.ts";

type Schema = {
  [key: string]: unknown;
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
};

/** Files as JSON has them: no bytes, no objects. */
const file = {
  anyOf: [
    { type: "string", minLength: 1 },
    ...[["path"], ["url"], ["base64", "mediaType"]].map(([own = "", ...more]) => ({
      type: "object",
      properties: Object.fromEntries([own, ...more, "sha256"].map((name) => [name, { type: "string" }])),
      required: [own],
      additionalProperties: false,
    })),
  ],
};

/**
 * JSON Schema (draft 2020-12) of a request as JSON, from the same source as the types: each field with its description, its range, its
 * default where there is one, and its unit under `unit`.
 */
export function requestJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(GenerationRequestSchema, { io: "input", unrepresentable: "any" }) as Schema;
  for (const task of schema.oneOf ?? schema.anyOf ?? []) {
    const name = (task.properties?.task as { const?: string } | undefined)?.const;
    describe(task, `${name}`);
  }
  return schema;
}

/** Puts each field's text into its schema. Fields are known by task and path: `inpaint.guidance.rescale`. */
function describe(schema: Schema, path: string): void {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const at = `${path}.${name}`;
    const text = textOf(at);
    if (text?.type === "file") Object.assign(property, without(property, ["anyOf"]), file);
    if (text?.type === "latent") Object.assign(property, { anyOf: [latentValues, ...file.anyOf] });
    if (text?.type === "seed")
      Object.assign(property, { anyOf: [wholeNumber, { type: "string", pattern: "^\\d{1,20}$" }] });
    if (text?.type === "name") property.type = "string";
    if (text !== undefined) property.description = text.description;
    if (text?.unit !== undefined) property.unit = text.unit;
    describe(property, at);
    const items = property.items;
    for (const item of items === undefined ? [] : (items.oneOf ?? items.anyOf ?? [items])) {
      const kind = (item.properties?.kind as { const?: string } | undefined)?.const;
      describe(item, kind === undefined ? at : `${at}.${kind}`);
    }
  }
}

const wholeNumber = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const latentValues = {
  type: "object",
  properties: {
    data: { type: "array", items: { type: "number" }, description: "The values, row by row." },
    shape: {
      type: "array",
      items: { type: "integer", minimum: 1, maximum: 16384 },
      minItems: 3,
      maxItems: 4,
      description: "[channels, height, width], or [count, channels, height, width].",
    },
  },
  required: ["data", "shape"],
  additionalProperties: false,
};

/** Fields of every task stand once, under `*`. */
function textOf(path: string): FieldText | undefined {
  return fieldTexts[path] ?? fieldTexts[path.replace(/^[^.]+/, "*")];
}

function without(schema: Schema, keys: readonly string[]): Schema {
  for (const key of keys) delete schema[key];
  return schema;
}
