import type { ImageSource } from "@latentkit/core";
import { ImageSourceSchema, type Issue, maxSeed } from "@latentkit/core";
import type { InputValue } from "../graph/graph.ts";
import { exactInteger } from "../http/exact-json.ts";

/**
 * An input of a node of the workflow: the node by its id, or by its title. A node that stands for a subgraph has the
 * fields that it shows for inputs; one inside is named by the way to it, such as `12:3` or `Sample:KSampler`.
 */
export interface Target {
  node: string;
  input: string;
}

/** What a parameter takes, and which inputs it goes into. */
export type ParameterSpec = (Target | { targets: readonly Target[] }) & {
  /** Left out, the workflow's own value stays, unless the parameter is required. */
  required?: boolean;
  description?: string;
} & (
    | { type: "string" | "boolean" | "seed" | "image" }
    | { type: "number" | "integer"; min?: number; max?: number }
    | { type: "choice"; choices: readonly string[] }
  );

/** A workflow's parameters by name. */
export type ParameterSpecs = Readonly<Record<string, ParameterSpec>>;

type ImageInput = string | URL | Uint8Array | ImageSource;
type ValueOf<S extends ParameterSpec> = S extends { type: "choice"; choices: readonly (infer C)[] }
  ? C
  : S extends { type: "string" }
    ? string
    : S extends { type: "boolean" }
      ? boolean
      : S extends { type: "seed" }
        ? number | bigint | string
        : S extends { type: "image" }
          ? ImageInput
          : number;
type RequiredNames<P extends ParameterSpecs> = { [K in keyof P]: P[K] extends { required: true } ? K : never }[keyof P];

/** What a caller gives: required parameters, and any of the others. */
export type ParameterValues<P extends ParameterSpecs> = { [K in RequiredNames<P>]: ValueOf<P[K]> } & {
  [K in Exclude<keyof P, RequiredNames<P>>]?: ValueOf<P[K]>;
};

/** Values as they go into the graph, and images that are still to be uploaded. */
export interface ReadParameters {
  values: Map<string, InputValue>;
  images: Map<string, ImageSource>;
  issues: Issue[];
}

/** Checks what a caller gave. Nothing is thrown: issues name the parameter. */
export function readParameters(specs: ParameterSpecs, given: Readonly<Record<string, unknown>>): ReadParameters {
  const read: ReadParameters = { values: new Map(), images: new Map(), issues: [] };
  for (const name of Object.keys(given)) {
    if (!(name in specs)) {
      const message = `is not a parameter of this workflow: it has ${Object.keys(specs).join(", ") || "none"}`;
      read.issues.push({ field: name, message });
    }
  }
  for (const [field, spec] of Object.entries(specs)) {
    const value = given[field];
    if (value === undefined) {
      if (spec.required) read.issues.push({ field, message: `is required: ${expected(spec)}` });
    } else if (spec.type === "image") {
      const parsed = ImageSourceSchema.safeParse(value);
      if (parsed.success) read.images.set(field, parsed.data);
      else read.issues.push({ field, message: expected(spec) });
    } else {
      const taken = take(spec, value);
      if (taken === undefined) read.issues.push({ field, message: `must be ${expected(spec)}, not ${String(value)}` });
      else read.values.set(field, taken);
    }
  }
  return read;
}

/** Inputs that a parameter goes into. */
export function targetsOf(spec: ParameterSpec): readonly Target[] {
  return "targets" in spec ? spec.targets : [spec];
}

function take(spec: ParameterSpec, value: unknown): InputValue | undefined {
  if (spec.type === "seed") return takeSeed(value);
  if (spec.type === "choice") return typeof value === "string" && spec.choices.includes(value) ? value : undefined;
  if (spec.type === "number" || spec.type === "integer") {
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = spec;
    const fits = typeof value === "number" && value >= min && value <= max;
    return fits && (spec.type === "number" || Number.isInteger(value)) ? value : undefined;
  }
  return typeof value === spec.type ? (value as string | boolean) : undefined;
}

function takeSeed(value: unknown): number | bigint | undefined {
  if (typeof value === "number" ? !Number.isSafeInteger(value) : !/^\d{1,20}$/.test(String(value))) return undefined;
  const seed = BigInt(value as number | bigint | string);
  return seed >= 0n && seed <= maxSeed ? exactInteger(seed) : undefined;
}

function expected(spec: ParameterSpec): string {
  if (spec.type === "choice") return `one of ${spec.choices.join(", ")}`;
  if (spec.type === "seed") return "a whole number from 0 to 18446744073709551615";
  if (spec.type === "image")
    return "a file path, a URL, the bytes of an image file, or { path }, { url } or { base64 }";
  if (spec.type !== "number" && spec.type !== "integer") return `a ${spec.type}`;
  const what = spec.type === "integer" ? "a whole number" : "a number";
  if (spec.min === undefined && spec.max === undefined) return what;
  return `${what} from ${spec.min ?? "anything"} to ${spec.max ?? "anything"}`;
}
