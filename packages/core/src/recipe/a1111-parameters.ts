import { a1111Labels, findSampler, findScheduler } from "../diffusion/sampler-names.ts";
import type { GenerationInput } from "../request/request.ts";
import { noiseFromParameters, noiseParameters } from "./a1111-noise.ts";
import type { Recipe } from "./recipe.ts";

/** The `parameters` text that A1111 writes into PNG files and other tools read. */
export function formatParameters({ request, model, versions }: Recipe): string {
  const { seed, steps, guidanceScale, width, height } = request;
  const { sampler, scheduler } = a1111Labels(request.sampler, request.scheduler);
  const { variation, device } = noiseParameters(request.noise);
  const settings: [string, unknown][] = [
    ["Steps", steps],
    ["Sampler", sampler],
    ["Schedule type", scheduler],
    ["CFG scale", guidanceScale],
    ["Seed", seed],
    ["Size", width && height && `${width}x${height}`],
    ["Model hash", model?.hash?.replace(/^sha256:/, "").slice(0, 10)],
    ["Model", model && quote(model.id.split(/[\\/]/).at(-1) ?? "")],
    ...variation,
    ["Denoising strength", "strength" in request ? request.strength : undefined],
    ["Clip skip", request.clipSkip],
    ...device,
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
  const noise = noiseFromParameters(settings);
  const entries: Partial<GenerationInput> = {
    ...(negativePrompt ? { negativePrompt: negativePrompt.trim() } : {}),
    ...numberField("steps", settings.get("Steps")),
    ...numberField("guidanceScale", settings.get("CFG scale")),
    ...numberField("clipSkip", settings.get("Clip skip")),
    ...(/^\d+$/.test(settings.get("Seed") ?? "") ? { seed: settings.get("Seed")! } : {}),
    ...(width && height ? { width, height } : {}),
    ...(sampler ? { sampler } : {}),
    ...(scheduler ? { scheduler } : {}),
    ...(noise ? { noise } : {}),
  };
  return { prompt: prompt.trim(), ...entries } as GenerationInput;
}

/** Older versions joined the two: "DPM++ 2M Karras". What is not known stays as it is, for the backend to refuse. */
function samplerOf(label: string | undefined, schedule: string | undefined): { sampler?: string; scheduler?: string } {
  if (label === undefined) return {};
  const found: { sampler: string; scheduler?: string } = findSampler(label) ?? { sampler: label };
  const scheduler = found.scheduler ?? (schedule && (findScheduler(schedule, found.sampler) ?? schedule));
  return { sampler: found.sampler, ...(scheduler ? { scheduler } : {}) };
}

function numberField(field: string, text: string | undefined): Record<string, number> {
  const value = Number(text);
  return text === undefined || Number.isNaN(value) ? {} : { [field]: value };
}

function quote(text: string): string {
  return /[,:\n]/.test(text) ? JSON.stringify(text) : text;
}
