import type { WarningEvent } from "@latentkit/core";
import { type ControlSteps, controlSteps, controlVariant } from "../../adapters/control/control-steps.ts";
import { imagePrompts, imagePromptVariant } from "../../adapters/ip-adapter/image-prompts.ts";
import type { Codec, Denoiser, FamilyJob, NetworkChoice, OpenModel } from "../family.ts";
import { guidanceEmbedding } from "./guidance-embedding.ts";
import { inpaintChannels } from "./inpaint-channels.ts";
import { instructPasses, pictureChannels } from "./instruct-passes.ts";
import { type Condition, ofOneLength, stacked, steeredPasses } from "./steered-passes.ts";
import type { UNetKind } from "./unet-kind.ts";
import { unetPasses } from "./unet-passes.ts";

/** What a UNet with its texts is made of. */
export interface UNetDenoiserOptions {
  kind: UNetKind;
  codec: Codec;
  /** What the network is shown for each of the steering's rows. */
  conditions: readonly Condition[];
  warnings: readonly WarningEvent[];
  /** Size of the embedding of the guidance scale, where the network takes one: `time_cond_proj_dim`. */
  guidanceSize?: number | null | undefined;
}

/** The UNet as it is, unless some step looks at a perturbed pass, or something steers it. */
export function unetOf(job: FamilyJob): NetworkChoice {
  const { perturbedLayers } = job;
  const variant = {
    ...(perturbedLayers === undefined ? {} : { perturbedLayers }),
    ...controlVariant(job),
    ...imagePromptVariant(job),
  };
  return Object.keys(variant).length === 0 ? "unet" : { network: "unet", ...variant };
}

/** Denoises with a UNet of any kind. */
export async function unetDenoiser(
  model: OpenModel,
  job: FamilyJob,
  { kind, codec, conditions, warnings, guidanceSize }: UNetDenoiserOptions,
  signal: AbortSignal,
): Promise<Denoiser> {
  const choice = unetOf(job);
  const { settings, dims, guided, steering } = job;
  const instructs = kind === "instruct" && guided;
  const embedding =
    guidanceSize == null ? {} : { timestep_cond: guidanceEmbedding(settings.guidanceScale, guidanceSize) };
  const unet = await model.network(choice);
  const prompts = await imagePrompts(model, job, signal);
  const control = await controlSteps(model, job, signal);
  const steered: ControlSteps | undefined =
    prompts === undefined ? control : async (step) => ({ ...(await control?.(step)), ...prompts.gates(step.index) });
  const shown = prompts
    ? conditions.map((each, i) => ({ ...each, ...(steering.rows[i]!.negative ? prompts.uncond : prompts.cond) }))
    : conditions;
  const passesOf = (rows: readonly Condition[]) =>
    unetPasses({
      unet,
      perturbs: job.perturbedLayers !== undefined,
      control: steered,
      runtime: model.runtime,
      rows: { ...stacked(rows), ...embedding },
      dims,
      besideChannels: kind === "plain" ? 0 : kind === "inpaint" ? dims[0] + 1 : dims[0],
      blankRows: instructs ? 1 : 0,
      signal,
    });
  // InstructPix2Pix's passes: neither text nor picture, the picture alone, both; all in one run.
  const predict = instructs
    ? steeredPasses(steering, ofOneLength(shown), ([uncond, cond]) => passesOf([uncond!, uncond!, cond!]))
    : steeredPasses(steering, shown, passesOf);
  switch (kind) {
    case "plain":
      return { warnings, predict };
    case "inpaint":
      return { warnings, predict, blends: false, beside: await inpaintChannels(model, codec, job, signal) };
    case "instruct": {
      const beside = await pictureChannels(model, codec, job, signal);
      return { warnings, predict: instructs ? instructPasses(predict, settings.imageGuidanceScale) : predict, beside };
    }
  }
}
