import type { RecipeNote } from "../recipe-note.ts";
import type { ParametersText } from "./parameters-text.ts";
import type { Translated } from "./read-parameters.ts";
import { renamed } from "./renamed-settings.ts";

/** Its samplers' names, where they aren't ComfyUI's; those that have no counterpart stay as they are. */
const samplers: Readonly<Record<string, string>> = {
  euler_a: "euler_ancestral",
  dpm2: "dpm_2",
  "dpm++2s_a": "dpmpp_2s_ancestral",
  "dpm++2m": "dpmpp_2m",
  ddim_trailing: "ddim",
  euler_a_cfg_pp: "euler_ancestral_cfg_pp",
  euler_ge: "gradient_estimation",
  "dpm++2m_sde": "dpmpp_2m_sde",
};
const schedulers: Readonly<Record<string, string>> = { discrete: "normal", ays: "align_your_steps" };
const generators: Readonly<Record<string, string>> = { cuda: "NV", cpu: "CPU" };

const dropped = {
  "Hires scale": undefined,
  "Hires upscale": undefined,
  "Hires resize": undefined,
  Sampler: undefined,
  RNG: undefined,
  SDCPP: undefined,
  Unet: undefined,
  Guidance: undefined,
  Eta: undefined,
};

/** sd.cpp writes A1111's words with its own names in them; numbers have six decimals. */
export function fromSdcpp(text: ParametersText): Translated {
  const settings = renamed(text.settings, dropped);
  const notes: RecipeNote[] = [];
  const [sampler, scheduler] = (text.settings.get("Sampler") ?? "").split(" ");
  if (sampler) settings.set("Sampler", own(samplers, sampler));
  const isSilent = !scheduler && !text.settings.has("Custom Sigmas") && sampler !== "lcm" && sampler !== "tcd";
  if (scheduler || isSilent) settings.set("Schedule type", own(schedulers, scheduler || "discrete"));
  if (sampler === "ddim_trailing")
    notes.push({ field: "schedulerOptions", value: sampler, message: "its trailing timesteps are not followed" });
  setNoise(text, settings, notes);
  setHires(text, settings);
  setEta(text, settings, sampler);
  const guidance = text.settings.get("Guidance");
  if (guidance !== undefined)
    notes.push({
      field: "Guidance",
      value: guidance,
      message: `${guidance}: bears on models with distilled guidance only, and is not followed`,
    });
  return { text: { ...text, settings }, notes };
}

function setNoise({ settings: told }: ParametersText, settings: Map<string, string>, notes: RecipeNote[]): void {
  const rng = told.get("RNG");
  const generator = rng !== undefined && Object.hasOwn(generators, rng) ? generators[rng] : undefined;
  settings.set("RNG", generator ?? "NV");
  if (rng !== undefined && generator === undefined)
    notes.push({
      field: "noise.source",
      value: rng,
      message: `${rng}: C++'s generator is not known here; CUDA's is used`,
    });
}

/** Its "Hires upscale" is the upscaler's name. */
function setHires({ settings: told }: ParametersText, settings: Map<string, string>): void {
  const scale = told.get("Hires scale");
  const upscaler = told.get("Hires upscale");
  const resize = told.get("Hires resize");
  if (scale === undefined) return;
  if (resize !== undefined && !/^0x0$|^-/.test(resize)) settings.set("Hires resize", resize);
  else settings.set("Hires upscale", scale);
  if (upscaler !== undefined && upscaler !== "Model") settings.set("Hires upscaler", upscaler);
}

/** `inf` is each sampler's own; 0, which older versions always wrote, is followed by those two alone. */
function setEta({ settings: told }: ParametersText, settings: Map<string, string>, sampler: string | undefined): void {
  const eta = Number(told.get("Eta") ?? Number.NaN);
  const follows = sampler === "ddim_trailing" || sampler === "tcd";
  if (Number.isFinite(eta) && (eta !== 0 || follows)) settings.set("Eta", String(eta));
}

function own(table: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(table, name) ? table[name]! : name;
}
