import { type Issue, nearest } from "@latentkit/core";
import { FileSlot } from "../files/file-slot.ts";
import type { InputProperty, ModelSchema } from "./input-schema.ts";

/** Where an input of the escape hatch lies, for errors. */
export const inputField = (name: string) => `backendOptions.replicate.input.${name}`;

/** What is wrong with `backendOptions.replicate.input`, before anything is sent. */
export function checkOwnInput(input: Readonly<Record<string, unknown>>, schema: ModelSchema): Issue[] {
  return Object.entries(input).flatMap(([name, value]) => {
    const property = schema.inputs.get(name);
    if (property === undefined) return [unknownInput(name, schema)];
    const problem = checkValue(property, value);
    return problem === undefined ? [] : [{ field: inputField(name), ...problem }];
  });
}

/** Inputs that the model cannot do without, and nobody gave. */
export function missingInputs(input: Readonly<Record<string, unknown>>, schema: ModelSchema): Issue[] {
  return [...schema.inputs.values()]
    .filter(({ name, required, default: usual }) => required && usual === undefined && input[name] === undefined)
    .map(({ name, description }) => ({
      field: inputField(name),
      message: `the model needs this input${description === "" ? "" : ` (${description})`}`,
    }));
}

/** What is wrong with a value, and what would be right. */
export function checkValue(property: InputProperty, value: unknown): Omit<Issue, "field"> | undefined {
  if (value === null && property.nullable) return undefined;
  if (!property.array) return checkScalar(property, value);
  if (!Array.isArray(value)) return { message: "must be a list" };
  if (property.maxItems !== undefined && value.length > property.maxItems)
    return { message: `must have at most ${property.maxItems} entries`, allowed: { max: property.maxItems } };
  return value.map((entry) => checkScalar(property, entry)).find((problem) => problem !== undefined);
}

function checkScalar(property: InputProperty, value: unknown): Omit<Issue, "field"> | undefined {
  const { type, enum: allowed } = property;
  if (allowed !== undefined) {
    if (allowed.includes(value as never)) return undefined;
    const near = nearest(String(value), allowed.map(String));
    const hint = near.length > 0 ? ` (did you mean ${near.join(" or ")}?)` : "";
    return { message: `"${String(value)}" is not possible here${hint}: must be one of ${allowed.join(", ")}`, allowed };
  }
  if (type === "integer" || type === "number") return checkNumber(property, value);
  if (type === "boolean") return typeof value === "boolean" ? undefined : { message: "must be true or false" };
  if (type === "string") return typeof value === "string" ? undefined : { message: "must be a text" };
  if (type === "file" && typeof value !== "string" && !(value instanceof FileSlot))
    return { message: "must be a file: { path }, { url }, { base64 }, bytes, or a URL" };
  return undefined;
}

function checkNumber({ type, min, max }: InputProperty, value: unknown): Omit<Issue, "field"> | undefined {
  const whole = typeof value === "bigint" || Number.isInteger(value);
  if (!whole && (type === "integer" || typeof value !== "number" || Number.isNaN(value)))
    return { message: `must be a ${type === "integer" ? "whole " : ""}number` };
  const allowed = { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
  const number = value as number | bigint;
  const inside = (min === undefined || number >= min) && (max === undefined || number <= max);
  if (inside) return undefined;
  return { message: `${number} is not possible here: must be ${rangeText(min, max)}`, allowed };
}

function rangeText(min?: number, max?: number): string {
  if (min === undefined) return `at most ${max}`;
  return max === undefined ? `at least ${min}` : `${min} to ${max}`;
}

function unknownInput(name: string, { inputs }: ModelSchema): Issue {
  const names = [...inputs.keys()];
  const near = nearest(name, names);
  const hint = near.length > 0 ? `did you mean ${near.join(" or ")}?` : `it takes ${names.join(", ")}`;
  return { field: inputField(name), message: `the model has no such input; ${hint}`, allowed: names };
}
