import { findSampler } from "@latentkit/core/diffusion";
import type { SamplerPair } from "./family.ts";
import type { Mapping } from "./mapping.ts";

/** What the names of diffusers' schedulers and of A1111's samplers, as models list them, stand for. */
const commonPairs: Readonly<Record<string, SamplerPair>> = {
  DDIM: { sampler: "ddim" },
  DDPM: { sampler: "ddpm" },
  DPMSolverMultistep: { sampler: "dpmpp_2m" },
  "DPM++MultiStep": { sampler: "dpmpp_2m" },
  DPMPP_2M: { sampler: "dpmpp_2m" },
  "DPM++ 2M": { sampler: "dpmpp_2m" },
  KarrasDPM: { sampler: "dpmpp_2m", scheduler: "karras" },
  "DPM++ 2M Karras": { sampler: "dpmpp_2m", scheduler: "karras" },
  "DPM++ 2M SDE Karras": { sampler: "dpmpp_2m_sde", scheduler: "karras" },
  "DPM++ SDE Karras": { sampler: "dpmpp_sde", scheduler: "karras" },
  "DPM++ 3M SDE Karras": { sampler: "dpmpp_3m_sde", scheduler: "karras" },
  "DPM++_SDE_Karras": { sampler: "dpmpp_sde", scheduler: "karras" },
  DPMSolverSinglestep: { sampler: "dpmpp_2s" },
  HeunDiscrete: { sampler: "heun" },
  HEUN: { sampler: "heun" },
  K_EULER: { sampler: "euler" },
  Euler: { sampler: "euler" },
  K_EULER_ANCESTRAL: { sampler: "euler_ancestral" },
  "Euler a": { sampler: "euler_ancestral" },
  K_LMS: { sampler: "lms" },
  LMS: { sampler: "lms" },
  K_DPM_2: { sampler: "dpm_2" },
  K_DPM_2_ANCESTRAL: { sampler: "dpm_2_ancestral" },
  PNDM: { sampler: "pndm" },
  UniPC: { sampler: "uni_pc" },
  UniPCMultistep: { sampler: "uni_pc" },
  LCM: { sampler: "lcm" },
  TCD: { sampler: "tcd" },
  DEIS: { sampler: "deis" },
};

/** Each value of the model's sampler input with the pair that it stands for; an unknown one stands for itself. */
export function samplerPairs(mapping: Pick<Mapping, "find" | "family">): { value: string; pair: SamplerPair }[] {
  const known = { ...commonPairs, ...mapping.family.samplers };
  const byName = new Map(Object.entries(known).map(([name, pair]) => [name.toLowerCase(), pair]));
  return (mapping.find("sampler")?.enum ?? []).map((value) => ({
    value: String(value),
    pair: byName.get(String(value).toLowerCase()) ?? findSampler(String(value)) ?? { sampler: String(value) },
  }));
}

/** Sampler and scheduler, which models take as one name; the model's own name may be given as the sampler too. */
export function mapSampler(mapping: Mapping): void {
  const { sampler, scheduler } = mapping.request;
  const property = mapping.find("sampler");
  if (property === undefined) return;
  const pairs = samplerPairs(mapping);
  const usual = pairs.find(({ value }) => value === property.default);
  if (sampler === undefined && scheduler === undefined) {
    mapping.resolved = { ...mapping.resolved, ...(usual === undefined ? {} : usual.pair) };
    return;
  }
  const literal = scheduler === undefined ? pairs.find(({ value }) => value === sampler) : undefined;
  const wanted = sampler ?? usual?.pair.sampler;
  const fits = (pair: SamplerPair) =>
    pair.sampler === wanted && (pair.scheduler ?? "normal") === (scheduler ?? "normal");
  const found = literal ?? pairs.find(({ pair }) => fits(pair)) ?? lenient(pairs, wanted, scheduler);
  if (found !== undefined) {
    mapping.input[property.name] = found.value;
    return;
  }
  const names = pairs.map(({ pair }) =>
    pair.scheduler === undefined ? pair.sampler : `${pair.sampler} with ${pair.scheduler}`,
  );
  const asked = scheduler === undefined ? sampler : `${wanted} with scheduler ${scheduler}`;
  mapping.refuse(
    sampler === undefined ? "scheduler" : "sampler",
    `${asked} is not possible here: must be one of ${names.join(", ")}`,
    names,
  );
}

/** A sampler that the model has with one scheduler only, where the request named none. */
function lenient<P extends { pair: SamplerPair }>(
  pairs: P[],
  sampler: string | undefined,
  scheduler: string | undefined,
) {
  return scheduler === undefined ? pairs.find(({ pair }) => pair.sampler === sampler) : undefined;
}
