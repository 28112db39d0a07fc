import type { Family } from "../comfy-options.ts";

/** Settings that a family's authors give, for what a request leaves open. */
export interface FamilyDefaults {
  /** Side of the square picture that the models were trained for, in pixels. */
  side: number;
  /** What both sides must be multiples of. */
  multipleOf: 8 | 16;
  steps: number;
  guidanceScale: number;
  sampler: string;
  scheduler: string;
  /** Usual names of the text encoders' files. */
  textEncoders: readonly RegExp[];
  /** Usual name of the VAE's file. */
  vae: RegExp;
}

const flow = { multipleOf: 16, sampler: "euler", scheduler: "simple" } as const;
const clipL = /clip[_-]?l\b|clip_l/i;
const t5 = /t5[_-]?xxl/i;
/** Not FLUX.2's, whose latents have other channels. */
const flux1Vae = /(^|[\\/])(ae|flux(?![\s_.-]*[23])[\w-]*)\./i;

/** By family. */
export const familyDefaults: Readonly<Record<Family, FamilyDefaults>> = {
  sd: {
    side: 512,
    multipleOf: 8,
    steps: 20,
    guidanceScale: 7,
    sampler: "euler",
    scheduler: "normal",
    textEncoders: [clipL],
    vae: /vae-ft|kl-f8/i,
  },
  sdxl: {
    side: 1024,
    multipleOf: 8,
    steps: 25,
    guidanceScale: 6,
    sampler: "euler",
    scheduler: "normal",
    textEncoders: [clipL, /clip[_-]?g/i],
    vae: /sdxl[_.-]?vae/i,
  },
  sd3: {
    ...flow,
    side: 1024,
    steps: 28,
    guidanceScale: 4.5,
    scheduler: "sgm_uniform",
    textEncoders: [clipL, /clip[_-]?g/i, t5],
    vae: /sd3/i,
  },
  flux: {
    ...flow,
    side: 1024,
    steps: 20,
    guidanceScale: 3.5,
    textEncoders: [clipL, t5],
    vae: flux1Vae,
  },
  flux2: {
    ...flow,
    side: 1024,
    steps: 4,
    guidanceScale: 1,
    scheduler: "flux2",
    textEncoders: [/qwen[_-]?3[_-]4b/i],
    vae: /flux2[_-]?vae/i,
  },
  flux3: {
    ...flow,
    side: 1024,
    steps: 15,
    guidanceScale: 1,
    sampler: "er_sde",
    textEncoders: [/qwen[_-]?3[_-]?vl[_-]?4b/i],
    vae: /flux2[_-]?vae/i,
  },
  krea2: {
    ...flow,
    side: 1024,
    steps: 8,
    guidanceScale: 1,
    textEncoders: [/qwen[_-]?3[_-]?vl[_-]?4b/i],
    vae: /qwen[_-]?image[_-]?vae/i,
  },
  "qwen-image-2.1": {
    ...flow,
    side: 1024,
    steps: 25,
    guidanceScale: 1,
    textEncoders: [/qwen[_-]?3[_-]?vl[_-]?8b/i],
    vae: /qwen[_-]?image[_-]?2[._]1[_-]?vae/i,
  },
  "qwen-image": {
    ...flow,
    side: 1328,
    steps: 20,
    guidanceScale: 2.5,
    textEncoders: [/qwen[_-]?2[._]5[_-]?vl/i],
    vae: /qwen[_-]?image[_-]?vae/i,
  },
  "z-image": {
    ...flow,
    side: 1024,
    steps: 8,
    guidanceScale: 1,
    sampler: "res_multistep",
    textEncoders: [/qwen[_-]?3[_-]4b/i],
    vae: flux1Vae,
  },
};

const byName: readonly (readonly [RegExp, Family])[] = [
  [/flux[\s_.-]*3/i, "flux3"],
  [/flux[\s_.-]*2/i, "flux2"],
  [/flux/i, "flux"],
  [/krea[\s_.-]*2/i, "krea2"],
  [/qwen[\s_.-]*image[\s_.-]*2[._]1/i, "qwen-image-2.1"],
  [/qwen[\s_.-]*image/i, "qwen-image"],
  [/z[\s_.-]*image/i, "z-image"],
  [/sd[\s_.-]*3|stable[\s_.-]*diffusion[\s_.-]*3/i, "sd3"],
  [/xl|pony|illustrious|noob|animagine/i, "sdxl"],
];

/** A model's family from its name and, where the file tells it, its architecture (`modelspec.architecture`). */
export function guessFamily(name: string, architecture = ""): Family {
  const told = /^(stable-diffusion-v[12])/i.test(architecture) ? "sd" : undefined;
  return told ?? byName.find(([pattern]) => pattern.test(architecture))?.[1] ?? fromName(name);
}

function fromName(name: string): Family {
  return byName.find(([pattern]) => pattern.test(name))?.[1] ?? "sd";
}

/** Usual names of a model's text encoders: FLUX.2's differ by its size. */
export function usualTextEncoders(family: Family, name: string): readonly RegExp[] {
  if (family === "flux2" && isDev(name)) return [/mistral[_-]?3/i];
  if (family === "flux2" && /9b/i.test(name)) return [/qwen[_-]?3[_-]8b/i];
  return familyDefaults[family].textEncoders;
}

/** Distilled models of a family need fewer steps. */
export function defaultSteps(family: Family, name: string): number {
  if (family === "flux" && /schnell/i.test(name)) return 4;
  if (family === "flux2" && !isDistilled(name)) return 20;
  if (family === "qwen-image-2.1" && /turbo/i.test(name)) return 8;
  return familyDefaults[family].steps;
}

/** Models that were not distilled want guidance. */
export function defaultGuidance(family: Family, name: string): number {
  if (family !== "flux2" || isDistilled(name)) return familyDefaults[family].guidanceScale;
  return isDev(name) ? 4 : 5;
}

/** FLUX.2 dev has its guidance inside the model. */
export function isDev(name: string): boolean {
  return /dev/i.test(name);
}

function isDistilled(name: string): boolean {
  return !/base/i.test(name) && !isDev(name);
}
