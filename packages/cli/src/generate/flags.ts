import type { GenerationInput } from "@latentkit/core";
import { requestFields as fieldsOfRequest, type RequestFlags, requestFlagOf } from "./request-flags.ts";
import { type SamplingFlags, samplingFields, samplingFlagOf } from "./sampling-flags.ts";
import type { Setting } from "./set-fields.ts";

/** What `latentkit generate` was given, by commander's names of its flags. */
export interface GenerateFlags extends SamplingFlags, RequestFlags {
  backend?: string;
  model?: string;
  task?: string;
  prompt?: string;
  negative?: string;
  width?: number;
  height?: number;
  steps?: number;
  guidance?: number;
  pagScale?: number;
  pagLayers?: string;
  pagAdaptiveScale?: number;
  seed?: string;
  count?: number;
  sampler?: string;
  scheduler?: string;
  strength?: number;
  image?: string;
  mask?: string;
  scale?: number;
  left?: number;
  right?: number;
  top?: number;
  bottom?: number;
  recipe?: string;
  /** A draft whose picture is to be made. */
  final?: string;
  /** A request as JSON, `-` for standard input. */
  request?: string;
  /** Files for the inputs that a recipe tells by their hash. */
  input?: string[];
  set?: Setting[];
  /** In seconds. */
  timeout?: number;
  onUnsupported?: "error" | "warn";
  trust?: boolean;
  url?: string;
  config?: string;
  /** Every so many steps; false is never. */
  preview?: number | false;
  out?: string;
  json?: boolean;
}

/** Request fields whose flag has another name. */
const renamed: Readonly<Record<string, string>> = { negativePrompt: "negative", guidanceScale: "guidance" };

/** Fields of a request's `guidance` and their flags. */
const guidanceFlags: Readonly<Record<string, string>> = {
  pagScale: "--pag-scale",
  pagLayers: "--pag-layers",
  pagAdaptiveScale: "--pag-adaptive-scale",
};

/** What belongs to the call, not to the request. */
const callFlags: Readonly<Record<string, string>> = {
  inputs: "--input",
  timeoutMs: "--timeout",
  onUnsupported: "--on-unsupported",
  previewEvery: "--preview",
};

const requestFields = [
  "model",
  "prompt",
  "negativePrompt",
  "width",
  "height",
  "steps",
  "guidanceScale",
  "seed",
  "count",
  "sampler",
  "scheduler",
  "strength",
  "image",
  "mask",
  "scale",
  "left",
  "right",
  "top",
  "bottom",
] as const;

/** The flag that sets a request's field, or the field itself where no flag does. */
export function fieldToFlag(field: string): string {
  if (field === "task") return "--task";
  const ofGuidance = /^guidance\.(\w+)/.exec(field)?.[1];
  if (ofGuidance !== undefined) return guidanceFlags[ofGuidance] ?? samplingFlagOf(field) ?? field;
  const known = (requestFields as readonly string[]).includes(field);
  if (known) return `--${renamed[field] ?? field}`;
  const ofCall = Object.hasOwn(callFlags, field.replace(/\[\d+\]$/, ""))
    ? callFlags[field.replace(/\[\d+\]$/, "")]
    : undefined;
  return ofCall ?? requestFlagOf(field) ?? samplingFlagOf(field) ?? field;
}

/** The request fields that were given. */
export function flagsToFields(flags: GenerateFlags): Partial<GenerationInput> {
  const given = flags as Record<string, unknown>;
  const fields = requestFields
    .map((field) => [field, given[renamed[field] ?? field]] as const)
    .filter(([, value]) => value !== undefined);
  const { task } = flags;
  const { guidance: ofSampling, output: ofLatent, ...sampling } = samplingFields(flags);
  const { output: ofFile, ...adapters } = fieldsOfRequest(flags);
  const output = merged(ofLatent, ofFile);
  const guidance = merged(guidanceOf(flags), ofSampling);
  return {
    ...(task === undefined ? {} : { task }),
    ...(guidance === undefined ? {} : { guidance }),
    ...(output === undefined ? {} : { output }),
    ...sampling,
    ...adapters,
    ...Object.fromEntries(fields),
  } as Partial<GenerationInput>;
}

function guidanceOf({ pagScale, pagLayers, pagAdaptiveScale }: GenerateFlags): GenerationInput["guidance"] {
  if (pagScale === undefined && pagLayers === undefined && pagAdaptiveScale === undefined) return undefined;
  return {
    ...(pagScale === undefined ? {} : { pagScale }),
    ...(pagLayers === undefined ? {} : { pagLayers: pagLayers.split(",").map((name) => name.trim()) }),
    ...(pagAdaptiveScale === undefined ? {} : { pagAdaptiveScale }),
  };
}

function merged<T extends object>(...parts: (T | undefined)[]): T | undefined {
  const given = parts.filter((part) => part !== undefined);
  return given.length === 0 ? undefined : Object.assign({}, ...given);
}
