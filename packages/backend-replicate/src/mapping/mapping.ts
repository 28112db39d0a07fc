import type { GenerationRequest, Issue, WarningEvent } from "@latentkit/core";
import { checkValue } from "../model/check-input.ts";
import type { InputProperty, ModelSchema } from "../model/input-schema.ts";
import type { Family } from "./family.ts";
import { commonNames, type Role } from "./roles.ts";

/** Finds the input of a model that fills a role. */
export function findInput(role: Role, schema: ModelSchema, family: Family): InputProperty | undefined {
  const own = family.names?.[role];
  const names = own === undefined ? commonNames[role] : own;
  for (const name of names) {
    const property = schema.inputs.get(name);
    if (property !== undefined && plausible(role, property)) return property;
  }
  return undefined;
}

const numeric: ReadonlySet<Role> = new Set(["seed", "steps", "guidanceScale", "strength", "clipSkip", "outputQuality"]);

/** A name alone can mislead: `quality` may be an enum of words, `image_size` a speed setting, `size` a number. */
function plausible(role: Role, { type, enum: allowed }: InputProperty): boolean {
  if (numeric.has(role)) return type === "integer" || type === "number";
  if (role === "size") return (allowed ?? []).some((value) => /^\d+\s*[x×*]\s*\d+/.test(String(value)));
  if (role === "aspectRatio")
    return allowed === undefined ? type === "string" : allowed.some((v) => /\d:\d/.test(`${v}`));
  if (role === "sampler" || role === "controlType") return allowed !== undefined;
  return true;
}

/** A request on its way to becoming a model's input: what is set, what is wrong, what could only be done roughly. */
export class Mapping {
  readonly request: GenerationRequest;
  readonly schema: ModelSchema;
  readonly family: Family;
  /** `owner/name`, in lower case. */
  readonly modelId: string;
  readonly input: Record<string, unknown> = {};
  readonly issues: Issue[] = [];
  readonly warnings: WarningEvent[] = [];
  resolved: Partial<GenerationRequest> = {};

  constructor(fields: { request: GenerationRequest; schema: ModelSchema; family: Family; modelId: string }) {
    this.request = fields.request;
    this.schema = fields.schema;
    this.family = fields.family;
    this.modelId = fields.modelId;
  }

  find(role: Role): InputProperty | undefined {
    return findInput(role, this.schema, this.family);
  }

  /** Sets an input, or notes why the value cannot be. */
  set(property: InputProperty, value: unknown, field: string): void {
    const fitted = fit(property, value);
    const problem = checkValue(property, fitted);
    if (problem === undefined) this.input[property.name] = fitted;
    else this.issues.push({ field, ...problem });
  }

  /** Sets the input of a role where the request has a value; refuses it where the model has no such input. */
  put(role: Role, value: unknown, field: string): void {
    if (value === undefined) return;
    const property = this.find(role);
    if (property === undefined) this.refuse(field, "the model has no input for it: leave it out");
    else this.set(property, value, field);
  }

  refuse(field: string, message: string, allowed?: readonly (string | number)[]): void {
    this.issues.push({ field, message, ...(allowed === undefined ? {} : { allowed }) });
  }

  warn(field: string, message: string): void {
    this.warnings.push({ type: "warning", code: "unsupported", field, message: `${field}: ${message}` });
  }
}

/** A value in the form that the input takes: numbers among an enum of strings, single values in lists. */
function fit(property: InputProperty, value: unknown): unknown {
  if (property.array && !Array.isArray(value)) return [fit({ ...property, array: false }, value)];
  if (property.enum === undefined || property.enum.includes(value as never)) return value;
  const same = property.enum.find((each) => String(each).toLowerCase() === String(value).toLowerCase());
  if (same !== undefined) return same;
  return (
    property.enum.find(
      (each) => typeof value === "number" && Number.parseFloat(`${each}`.replace(/^x/i, "")) === value,
    ) ?? value
  );
}
