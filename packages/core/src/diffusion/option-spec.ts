import { invalid } from "./invalid.ts";
import type { Space } from "./space.ts";

/** A number's range, both ends included. */
export interface NumberOption {
  kind: "number";
  min: number;
  max: number;
  /** The most in the flow space, where that is less. */
  flowMax?: number;
  /** What it is unless given, where that is one number. */
  default?: number;
  integer?: boolean;
  /** The option without which this one does nothing. */
  needs?: string;
}

/** One of a few words. */
export interface ChoiceOption {
  kind: "choice";
  values: readonly string[];
  default: string;
}

/** A switch. */
export interface SwitchOption {
  kind: "boolean";
  default: boolean;
}

/** What an option of a sampler or a scheduler may be. */
export type OptionSpec = NumberOption | ChoiceOption | SwitchOption;

/** Options by name. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** ComfyUI's and k-diffusion's names of options, where they differ from ours by more than the spelling. */
const aliases: Readonly<Record<string, string>> = {
  solverType: "solver",
  maxOrder: "order",
  maxStage: "order",
  geGamma: "gamma",
  modelType: "model",
};

/** What {@link readOptions} says in its errors. */
export interface OptionOwner {
  /** The request's field: `samplerOptions` or `schedulerOptions`. */
  field: string;
  /** Whose options they are, such as `sampler "euler"`. */
  owner: string;
  space?: Space | undefined;
}

/**
 * Reads options as a request has them, where `s_noise` and `sNoise` are one.
 *
 * @throws InvalidRequestError naming the option, whose it is, and what would be right.
 */
export function readOptions(
  given: Readonly<Record<string, unknown>>,
  specs: OptionSpecs,
  { field, owner, space }: OptionOwner,
): Record<string, unknown> {
  const names = new Map<string, string>();
  for (const key of Object.keys(given)) {
    const camel = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const alias = Object.hasOwn(aliases, camel) ? aliases[camel]! : camel;
    const name = Object.hasOwn(specs, camel) ? camel : alias;
    if (names.has(name)) invalid(`${field}.${key}`, `is the same as ${names.get(name)}: give one of them`);
    names.set(name, key);
  }
  return Object.fromEntries(Array.from(names, ([name, key]) => [name, read(name, key)]));

  function read(name: string, key: string): unknown {
    const path = `${field}.${key}`;
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
    const takes = Object.keys(specs);
    if (!spec) {
      const message = takes.length > 0 ? `${owner} takes ${describeOptions(specs)}` : `${owner} takes no options`;
      return invalid(path, `is no option here: ${message}`, takes);
    }
    const value = given[key];
    const problem = problemOf(value, spec, space);
    if (problem) return invalid(path, `${problem} for ${owner}, not ${String(value)}`, allowedOf(spec));
    if (spec.kind === "number" && spec.needs && !names.has(spec.needs))
      return invalid(path, `does nothing without ${field}.${spec.needs}: give that too`);
    return value;
  }
}

/** Each option with what it may be: "eta (0 to 1), solver (midpoint, heun)". */
export function describeOptions(specs: OptionSpecs): string {
  return Object.entries(specs)
    .map(([name, spec]) => `${name} (${rangeOf(spec)})`)
    .join(", ");
}

/** What an option may be, in words. */
export function rangeOf(spec: OptionSpec): string {
  if (spec.kind === "choice") return spec.values.join(", ");
  return spec.kind === "boolean" ? "true, false" : `${spec.min} to ${spec.max}`;
}

function problemOf(value: unknown, spec: OptionSpec, space: Space | undefined): string | undefined {
  if (spec.kind === "choice")
    return typeof value === "string" && spec.values.includes(value)
      ? undefined
      : `must be one of ${spec.values.join(", ")}`;
  if (spec.kind === "boolean") return typeof value === "boolean" ? undefined : "must be true or false";
  const max = space === "flow" ? (spec.flowMax ?? spec.max) : spec.max;
  const right = typeof value === "number" && value >= spec.min && value <= max;
  if (right && !(spec.integer && !Number.isInteger(value))) return undefined;
  return `must be a ${spec.integer ? "whole " : ""}number from ${spec.min} to ${max}`;
}

function allowedOf(spec: OptionSpec): readonly string[] | undefined {
  return spec.kind === "choice" ? spec.values : undefined;
}
