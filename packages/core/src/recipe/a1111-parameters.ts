import { a1111Labels } from "../diffusion/sampler-names.ts";
import type { GenerationInput } from "../request/input-types.ts";
import type { GenerationRequest } from "../request/request.ts";
import { noiseParameters } from "./a1111-noise.ts";
import { readParameters } from "./foreign/read-parameters.ts";
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
    ...secondPass(request),
    ["Clip skip", request.clipSkip],
    [sampler === "DDIM" ? "Eta DDIM" : "Eta", request.samplerOptions?.eta],
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

/**
 * Reads a `parameters` text as far as it maps to a request: A1111's, or that of Forge, SD.Next, Fooocus or sd.cpp. `readRecipe` also tells
 * what it leaves out.
 */
export function parseParameters(text: string): GenerationInput | undefined {
  return readParameters(text)?.fields as GenerationInput | undefined;
}

/** A1111 has one strength: of image-to-image, or of the second pass. */
function secondPass({ hires, ...request }: GenerationRequest): [string, unknown][] {
  const strength = "strength" in request ? request.strength : hires?.strength;
  return [
    ["Denoising strength", strength],
    ["Hires upscale", hires?.scale],
    ["Hires steps", hires?.steps],
    ["Hires upscaler", hires?.upscaler && (latentLabels[hires.upscaler] ?? quote(hires.upscaler))],
  ];
}

const latentLabels: Readonly<Record<string, string>> = {
  bilinear: "Latent",
  nearest: "Latent (nearest)",
  "nearest-exact": "Latent (nearest-exact)",
  bicubic: "Latent (bicubic)",
};

function quote(text: string): string {
  return /[,:\n]/.test(text) ? JSON.stringify(text) : text;
}
