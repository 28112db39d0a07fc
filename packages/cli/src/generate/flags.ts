import type { GenerationInput } from "@latentkit/core";

/** What `latentkit generate` was given, by commander's names of its flags. */
export interface GenerateFlags {
  backend?: string;
  model?: string;
  task?: string;
  prompt?: string;
  negative?: string;
  width?: number;
  height?: number;
  steps?: number;
  guidance?: number;
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
  url?: string;
  config?: string;
  out?: string;
  json?: boolean;
}

/** Request fields whose flag has another name. */
const renamed: Readonly<Record<string, string>> = { negativePrompt: "negative", guidanceScale: "guidance" };

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
  const known = (requestFields as readonly string[]).includes(field);
  return known ? `--${renamed[field] ?? field}` : field;
}

/** The request fields that were given. Without `--task`, `--mask` means inpaint and `--image` image-to-image. */
export function flagsToFields(flags: GenerateFlags): Partial<GenerationInput> {
  const given = flags as Record<string, unknown>;
  const fields = requestFields
    .map((field) => [field, given[renamed[field] ?? field]] as const)
    .filter(([, value]) => value !== undefined);
  const task = flags.task ?? impliedTask(flags);
  return { ...(task === undefined ? {} : { task }), ...Object.fromEntries(fields) } as Partial<GenerationInput>;
}

function impliedTask({ image, mask }: GenerateFlags): string | undefined {
  if (mask !== undefined) return "inpaint";
  return image === undefined ? undefined : "image-to-image";
}
