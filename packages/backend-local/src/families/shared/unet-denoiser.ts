import type { WarningEvent } from "@latentkit/core";
import type { Codec, Denoiser, FamilyJob, NetworkChoice, OpenModel } from "../family.ts";
import { guidanceEmbedding } from "./guidance-embedding.ts";
import { inpaintChannels } from "./inpaint-channels.ts";
import { instructPasses, pictureChannels } from "./instruct-passes.ts";
import { pickRows, type Rows } from "./rows.ts";
import type { UNetKind } from "./unet-kind.ts";
import { unetPasses } from "./unet-passes.ts";

/** What a UNet with its texts is made of. */
export interface UNetDenoiserOptions {
  kind: UNetKind;
  codec: Codec;
  /** Inputs with a row for each text, the unconditional one's first where there is one. */
  rows: Readonly<Record<string, Rows>>;
  warnings: readonly WarningEvent[];
  /** Size of the embedding of the guidance scale, where the network takes one: `time_cond_proj_dim`. */
  guidanceSize?: number | null | undefined;
}

/** The UNet as it is, unless some step looks at a perturbed pass. */
export function unetOf({ perturbedLayers }: FamilyJob): NetworkChoice {
  return perturbedLayers === undefined ? "unet" : { network: "unet", perturbedLayers };
}

/** Denoises with a UNet of any kind. */
export async function unetDenoiser(
  model: OpenModel,
  job: FamilyJob,
  { kind, codec, rows: texts, warnings, guidanceSize }: UNetDenoiserOptions,
  signal: AbortSignal,
): Promise<Denoiser> {
  const choice = unetOf(job);
  const { settings, dims, guided } = job;
  const instructs = kind === "instruct" && guided;
  // InstructPix2Pix's passes: neither text nor picture, the picture alone, both.
  const ofPasses = (rows: Rows) => (instructs ? pickRows(rows, [0, 0, 1]) : rows);
  const embedding =
    guidanceSize == null ? {} : { timestep_cond: guidanceEmbedding(settings.guidanceScale, guidanceSize) };
  const predict = unetPasses({
    unet: await model.network(choice),
    perturbs: choice !== "unet",
    runtime: model.runtime,
    rows: { ...Object.fromEntries(Object.entries(texts).map(([name, rows]) => [name, ofPasses(rows)])), ...embedding },
    dims,
    besideChannels: kind === "plain" ? 0 : kind === "inpaint" ? dims[0] + 1 : dims[0],
    blankRows: instructs ? 1 : 0,
    signal,
  });
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

/** The VAE's encoder, where a picture is given. */
export function needsVaeEncoder({ inputs: { image } }: FamilyJob): readonly NetworkChoice[] {
  return image === undefined ? [] : ["vaeEncoder"];
}
