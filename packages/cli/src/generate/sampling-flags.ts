import type { GenerationInput } from "@latentkit/core";
import { InvalidArgumentError, Option } from "commander";

/** The flags of a request's finer sampling settings, by commander's names. */
export interface SamplingFlags {
  sigmas?: number[];
  timesteps?: number[];
  startStep?: number;
  endStep?: number;
  latent?: string;
  saveLatent?: boolean;
  samplerOptions?: Settings;
  schedulerOptions?: Settings;
  noise?: Settings;
  guidanceMode?: string;
  guidanceRescale?: number;
  guidanceStart?: number;
  guidanceEnd?: number;
  guidanceScales?: number[];
  apgEta?: number;
  apgMomentum?: number;
  apgNormThreshold?: number;
}

type Settings = Record<string, unknown>;

const option = <T>(flag: string, description: string, parse: (text: string) => T): Option =>
  new Option(flag, description).argParser(parse);

/** The options that `latentkit generate` has for them. */
export function samplingOptions(): Option[] {
  return [
    option("--sigmas <list>", "noise levels of your own, falling, with commas", numbers),
    option("--timesteps <list>", "timesteps of your own, falling, with commas", numbers),
    option("--start-step <n>", "first step to run, from 0: to go on with --latent, or in place of --strength", whole),
    option("--end-step <n>", "step to stop before; what noise is left stays", whole),
    new Option("--latent <file>", "a .safetensors or .npy latent: see --start-step; a picture's with image-to-image"),
    new Option("--save-latent", "also write the latent of each picture, beside it as .safetensors"),
    option("--sampler-options <list>", "the sampler's own: eta=0.5,s_noise=1.01 …", settings),
    option("--scheduler-options <list>", "the scheduler's own: rho=7,sigma_max=14.6 …", settings),
    option("--noise <list>", "convention=a1111,source=nv,subseed=5,subseedStrength=0.3 …", settings),
    new Option("--guidance-mode <mode>", "cfg, cfg++, apg or cfg-zero-star"),
    option("--guidance-rescale <0-1>", "guidance rescale", decimal),
    option("--guidance-start <0-1>", "guidance acts from this share of the steps …", decimal),
    option("--guidance-end <0-1>", "… to this one", decimal),
    option("--guidance-scales <list>", "a guidance scale for each step, with commas", numbers),
    option("--apg-eta <0-1>", "APG's weight of the parallel part", decimal),
    option("--apg-momentum <n>", "APG's momentum, -1 to 1", decimal),
    option("--apg-norm-threshold <n>", "APG's norm threshold", decimal),
  ];
}

const plain: Readonly<Record<string, string>> = {
  sigmas: "--sigmas",
  timesteps: "--timesteps",
  startStep: "--start-step",
  endStep: "--end-step",
  latent: "--latent",
  "output.latent": "--save-latent",
};
const lists: Readonly<Record<string, string>> = {
  samplerOptions: "--sampler-options",
  schedulerOptions: "--scheduler-options",
  noise: "--noise",
};
/** Fields of a request's `guidance` and the flags that have other names than theirs. */
const guidance: Readonly<Record<string, string>> = {
  mode: "guidanceMode",
  rescale: "guidanceRescale",
  start: "guidanceStart",
  end: "guidanceEnd",
  scales: "guidanceScales",
  apgEta: "apgEta",
  apgMomentum: "apgMomentum",
  apgNormThreshold: "apgNormThreshold",
};

/** The request fields that the flags give; `guidance` holds only what they name of it. */
export function samplingFields(flags: SamplingFlags): Partial<GenerationInput> {
  const given = flags as Record<string, unknown>;
  const pick = (names: readonly string[], flagOf: (name: string) => string) =>
    Object.fromEntries(
      names.map((name) => [name, given[flagOf(name)]] as const).filter(([, value]) => value !== undefined),
    );
  const own = pick(["sigmas", "timesteps", "startStep", "endStep", "latent", ...Object.keys(lists)], (name) => name);
  const guided = pick(Object.keys(guidance), (name) => guidance[name]!);
  return {
    ...own,
    ...(Object.keys(guided).length > 0 ? { guidance: guided } : {}),
    ...(flags.saveLatent ? { output: { latent: true } } : {}),
  } as Partial<GenerationInput>;
}

/** The flag that sets a field of these, if one does; with the setting's name where the flag takes several. */
export function samplingFlagOf(field: string): string | undefined {
  const [head = "", next] = field.replace(/\[\d+\]$/, "").split(".");
  if (Object.hasOwn(plain, field)) return plain[field];
  if (Object.hasOwn(lists, head)) return next === undefined ? lists[head] : `${lists[head]} ${next}`;
  if (head === "guidance" && next !== undefined && Object.hasOwn(guidance, next))
    return `--${guidance[next]!.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return Object.hasOwn(plain, head) ? plain[head] : undefined;
}

/** Reads a whole number. */
export function whole(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

/** Reads a number. */
export function decimal(text: string): number {
  if (text.trim() === "" || !Number.isFinite(Number(text))) throw new InvalidArgumentError("It must be a number.");
  return Number(text);
}

function numbers(text: string): number[] {
  const values = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (!values.every(Number.isFinite)) throw new InvalidArgumentError("It must be numbers with commas between them.");
  return values;
}

/** `name=value,…`: numbers, true and false are read as such; a long number stays exact, as digits; `512x768` is a size. */
function settings(text: string): Settings {
  const entries = text.split(",").map((part) => {
    const [, name, value] = /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    if (name === undefined || !value)
      throw new InvalidArgumentError("It must be name=value, with commas between several.");
    return [name, readValue(value)] as const;
  });
  return Object.fromEntries(entries);
}

function readValue(text: string): unknown {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(text) ?? [];
  if (width !== undefined) return { width: Number(width), height: Number(height) };
  if (text === "true" || text === "false") return text === "true";
  const value = Number(text);
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)) ? value : text;
}
