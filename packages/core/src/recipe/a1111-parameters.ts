import type { GenerationInput, GenerationRequest } from "../request/request.ts";
import type { Recipe } from "./recipe.ts";

/** A1111's label of each sampler, by our (ComfyUI's) name. */
const samplerLabels: Readonly<Record<string, string>> = {
  euler: "Euler",
  euler_ancestral: "Euler a",
  heun: "Heun",
  dpm_2: "DPM2",
  dpm_2_ancestral: "DPM2 a",
  lms: "LMS",
  dpmpp_2s_ancestral: "DPM++ 2S a",
  dpmpp_sde: "DPM++ SDE",
  dpmpp_2m: "DPM++ 2M",
  dpmpp_2m_sde: "DPM++ 2M SDE",
  dpmpp_3m_sde: "DPM++ 3M SDE",
  ddim: "DDIM",
  pndm: "PLMS",
  uni_pc: "UniPC",
  lcm: "LCM",
};
/** A1111's label of each scheduler, by our name. */
const schedulerLabels: Readonly<Record<string, string>> = {
  normal: "Normal",
  karras: "Karras",
  exponential: "Exponential",
  simple: "Simple",
  sgm_uniform: "SGM Uniform",
  ddim_uniform: "DDIM",
  beta: "Beta",
  kl_optimal: "KL Optimal",
};

/** The `parameters` text that A1111 writes into PNG files and other tools read. */
export function formatParameters({ request, model, versions }: Recipe): string {
  const { seed, steps, sampler, scheduler, guidanceScale, width, height } = request;
  const settings: [string, unknown][] = [
    ["Steps", steps],
    ["Sampler", sampler && (samplerLabels[sampler] ?? sampler)],
    ["Schedule type", scheduler && (schedulerLabels[scheduler] ?? scheduler)],
    ["CFG scale", guidanceScale],
    ["Seed", seed],
    ["Size", width && height && `${width}x${height}`],
    ["Model hash", model?.hash?.replace(/^sha256:/, "").slice(0, 10)],
    ["Model", model && quote(model.id.split(/[\\/]/).at(-1) ?? "")],
    ["Denoising strength", "strength" in request ? request.strength : undefined],
    ["Clip skip", request.clipSkip],
    ["Version", `LatentKit ${versions["@latentkit/core"] ?? ""}`.trim()],
  ];
  const prompt = "prompt" in request ? (request.prompt ?? "") : "";
  const negative =
    "negativePrompt" in request && request.negativePrompt ? `\nNegative prompt: ${request.negativePrompt}` : "";
  const line = settings
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([key, value]) => `${key}: ${value}`);
  return `${prompt}${negative}\n${line.join(", ")}`;
}

/** Reads A1111's `parameters` text back, as far as it maps to a request. */
export function parseParameters(text: string): GenerationInput | undefined {
  const match = /^(?<prompts>.*?)\n?(?<settings>Steps: \d+.*)$/s.exec(text);
  if (match?.groups === undefined) return undefined;
  const [prompt = "", negativePrompt] = (match.groups.prompts ?? "").split(/\n?Negative prompt: /);
  const settings = new Map(
    [...(match.groups.settings ?? "").matchAll(/([\w ]+): ("[^"]*"|[^,]*)(?:, |$)/g)].map((m) => [m[1]!.trim(), m[2]!]),
  );
  const [width, height] = (settings.get("Size") ?? "").split("x").map(Number);
  const { sampler, scheduler } = samplerOf(settings.get("Sampler"), settings.get("Schedule type"));
  const entries: Partial<GenerationRequest> = {
    ...(negativePrompt ? { negativePrompt: negativePrompt.trim() } : {}),
    ...numberField("steps", settings.get("Steps")),
    ...numberField("guidanceScale", settings.get("CFG scale")),
    ...numberField("clipSkip", settings.get("Clip skip")),
    ...(/^\d+$/.test(settings.get("Seed") ?? "") ? { seed: settings.get("Seed")! } : {}),
    ...(width && height ? { width, height } : {}),
    ...(sampler ? { sampler } : {}),
    ...(scheduler ? { scheduler } : {}),
  };
  return { prompt: prompt.trim(), ...entries } as GenerationInput;
}

/** Older versions joined the two: "DPM++ 2M Karras". */
function samplerOf(
  label: string | undefined,
  scheduleLabel: string | undefined,
): { sampler?: string; scheduler?: string } {
  if (label === undefined) return {};
  const joined = /^(.*?)(?: (Karras|Exponential))?$/.exec(label);
  const sampler = nameOf(samplerLabels, joined?.[1] ?? label);
  const schedule = joined?.[2] ?? scheduleLabel;
  const scheduler = schedule === undefined || schedule === "Automatic" ? undefined : nameOf(schedulerLabels, schedule);
  return { ...(sampler ? { sampler } : {}), ...(scheduler ? { scheduler } : {}) };
}

function nameOf(labels: Readonly<Record<string, string>>, label: string): string | undefined {
  return Object.entries(labels).find(
    ([name, text]) => text.toLowerCase() === label.toLowerCase() || name === label,
  )?.[0];
}

function numberField(field: string, text: string | undefined): Record<string, number> {
  const value = Number(text);
  return text === undefined || Number.isNaN(value) ? {} : { [field]: value };
}

function quote(text: string): string {
  return /[,:\n]/.test(text) ? JSON.stringify(text) : text;
}
