import { ModelError } from "@latentkit/core";
import * as z from "zod";
import { backendId } from "../replicate-error.ts";

/** What one input of a model takes, read from its OpenAPI schema. */
export interface InputProperty {
  name: string;
  /** `"file"` is a string of format `uri`. */
  type: "string" | "integer" | "number" | "boolean" | "file" | "any";
  /** A list of such values. */
  array: boolean;
  enum?: readonly (string | number)[];
  min?: number;
  max?: number;
  maxItems?: number;
  default?: unknown;
  required: boolean;
  nullable: boolean;
  description: string;
  order: number;
}

/** What a model's output looks like. */
export interface OutputShape {
  array: boolean;
  /** Items come one by one while the model runs (`x-cog-array-type: iterator`). */
  iterator: boolean;
}

/** A model's inputs and output. */
export interface ModelSchema {
  inputs: ReadonlyMap<string, InputProperty>;
  output: OutputShape;
}

type Node = Record<string, unknown>;

const InputSchema = z.looseObject({
  properties: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  required: z.array(z.string()).default([]),
});
const DocumentSchema = z.looseObject({
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
});

/**
 * Reads the document that Cog writes for each model version.
 *
 * @param part which of its schemas holds the inputs; a trainer's stand in `TrainingInput`.
 * @throws ModelError when it is no such document.
 */
export function readModelSchema(
  document: unknown,
  model: string,
  part: "Input" | "TrainingInput" = "Input",
): ModelSchema {
  const schemas = DocumentSchema.safeParse(document).data?.components.schemas ?? {};
  const parsed = InputSchema.safeParse(schemas[part]);
  if (!parsed.success)
    throw new ModelError(
      `The model ${model} has no readable ${part === "Input" ? "input" : "training"} schema: LatentKit cannot know what it takes.`,
      {
        cause: parsed.error,
        backend: backendId,
        details: { model },
      },
    );
  const { properties, required } = parsed.data;
  const inputs = Object.entries(properties).map(([name, node], position) => {
    const order = typeof node["x-order"] === "number" ? node["x-order"] : position;
    return readProperty(name, resolve(node, schemas), schemas, required.includes(name), order);
  });
  inputs.sort((a, b) => a.order - b.order);
  return { inputs: new Map(inputs.map((input) => [input.name, input])), output: readOutput(schemas) };
}

function readProperty(name: string, node: Node, schemas: Node, required: boolean, order: number): InputProperty {
  const array = node.type === "array";
  const item = array ? resolve((node.items ?? {}) as Node, schemas) : node;
  const limits = {
    enum: Array.isArray(item.enum) ? (item.enum as (string | number)[]) : undefined,
    min: numberOf(item.minimum ?? item.exclusiveMinimum),
    max: numberOf(item.maximum ?? item.exclusiveMaximum),
    maxItems: array ? numberOf(node.maxItems) : undefined,
    default: node.default ?? undefined,
  };
  return {
    name,
    type: typeOf(item),
    array,
    required,
    nullable: node.nullable === true,
    description: typeof node.description === "string" ? node.description : "",
    order,
    ...(Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined)) as object),
  };
}

function typeOf(node: Node): InputProperty["type"] {
  const { type, format } = node;
  if (type === "string") return format === "uri" ? "file" : "string";
  if (type === "integer" || type === "number" || type === "boolean") return type;
  const [first] = Array.isArray(node.enum) ? node.enum : [];
  return typeof first === "number" ? "number" : typeof first === "string" ? "string" : "any";
}

/** One flat node from `$ref`, `allOf`, and the `anyOf` by which optional values are written. */
function resolve(node: Node, schemas: Node, depth = 0): Node {
  if (depth > 8) return node;
  const { $ref, allOf, anyOf, oneOf, ...own } = node;
  const parts: Node[] = [];
  if (typeof $ref === "string") parts.push((schemas[$ref.split("/").at(-1) ?? ""] ?? {}) as Node);
  if (Array.isArray(allOf)) parts.push(...(allOf as Node[]));
  const choices = (Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : []) as Node[];
  const [chosen] = choices.filter((choice) => choice.type !== "null");
  if (chosen !== undefined) parts.push(chosen);
  const nullable = choices.some((choice) => choice.type === "null") ? { nullable: true } : {};
  return Object.assign({}, ...parts.map((each) => resolve(each, schemas, depth + 1)), nullable, own);
}

function readOutput(schemas: Node): OutputShape {
  const node = resolve((schemas.Output ?? {}) as Node, schemas);
  const array = node.type === "array";
  return { array, iterator: array && node["x-cog-array-type"] === "iterator" };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
