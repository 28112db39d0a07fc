import { type GenerationRequest, type Issue, UnsupportedError } from "@latentkit/core";
import { comfyDetails, invalidError } from "../comfy-error.ts";
import type { Family, ResolvedOptions } from "../comfy-options.ts";
import { isLatentMethod } from "../graph/picture.ts";
import type { Plan, PlannedImage } from "../graph/plan.ts";
import { resolveName } from "../server/names.ts";
import type { ObjectInfo } from "../server/object-info.ts";
import { planAdapters, planControls } from "./controls.ts";
import { placeEmbeddings } from "./embeddings.ts";
import { defaultGuidance, defaultSteps, familyDefaults, guessFamily } from "./family.ts";
import { type FoundModel, findModel, onlyModel, upscaleModelsOf } from "./find-model.ts";
import { planFiles } from "./model-files.ts";
import { asWritten } from "./prompt-syntax.ts";
import { referenceIssues, takesReferences } from "./references.ts";
import { requestOptions } from "./request-options.ts";
import { extraSchedulers, planSamplingOptions } from "./sampling-options.ts";
import { planSize } from "./size.ts";

/** What planning reads beside the request. */
export interface PlanContext {
  info: ObjectInfo;
  options: ResolvedOptions;
  images: ReadonlyMap<string, PlannedImage>;
  /** Names of the server's textual inversions. */
  embeddings: readonly string[];
  /** `modelspec.architecture` of the model's file, where it tells. */
  architecture?: string;
}

/**
 * Decides everything that a graph needs: which files, which sizes, which settings. Pure.
 *
 * @throws InvalidRequestError with every name that the server does not have, and near ones; UnsupportedError.
 */
export function planRequest(request: GenerationRequest, context: PlanContext): Plan {
  const { info, options, images } = context;
  const own = requestOptions(request);
  const issues: Issue[] = [];
  const keep = <T extends object>(found: T | { issue: Issue }): T | undefined => {
    if (!("issue" in found)) return found;
    issues.push(found.issue as Issue);
    return undefined;
  };

  const needsModel = request.task !== "upscale" || (request.prompt ?? "") !== "";
  const model = needsModel ? keep(modelOf(request, context)) : undefined;
  const family = own.family ?? options.family ?? guessFamily(model?.name ?? "", context.architecture);
  const defaults = familyDefaults[family];
  const files = model === undefined ? { textEncoders: [] } : planFiles(model, family, own, options, info);
  if ("issues" in files) issues.push(...files.issues);
  const loras = request.loras.map(
    (lora, i) =>
      keep(resolveName(lora.model, info.choices("LoraLoader", "lora_name"), `loras[${i}].model`, "LoRA"))?.name ?? "",
  );
  const prompts = [
    "prompt" in request ? (request.prompt ?? "") : "",
    "negativePrompt" in request ? (request.negativePrompt ?? "") : "",
  ];
  const written = prompts.map((prompt) => asWritten(prompt, request));
  const embedded = placeEmbeddings(request, context.embeddings, written);
  const { controls, issues: controlIssues } = planControls(request, info, own.preprocess);
  const { adapters, issues: adapterIssues } = takesReferences(family, model?.name ?? "")
    ? { adapters: new Map(), issues: referenceIssues(request, family, info) }
    : planAdapters(request, info);
  const upscaler = upscalerOf(request, info);
  const upscaleModel = upscaler === undefined ? undefined : keep(upscaler)?.name;
  const size = planSize(request, images, defaults);
  const sampler = request.sampler ?? defaults.sampler;
  const scheduler = request.scheduler ?? defaults.scheduler;
  const { issues: optionIssues, ...sampling } = planSamplingOptions(request, { sampler, scheduler, family }, info);
  issues.push(...embedded.issues, ...controlIssues, ...adapterIssues, ...("issue" in size ? [size.issue] : []));
  const steps =
    request.steps ??
    (request.sigmas === undefined ? defaultSteps(family, model?.name ?? "") : request.sigmas.length - 1);
  if ((request.startStep ?? 0) >= steps) issues.push({ field: "startStep", message: `must be below steps (${steps})` });
  refuseUnsupported(request, family, sampler, optionIssues);
  if (issues.length > 0 || "issue" in size) throw invalidError(issues);

  return {
    request,
    family,
    ...(model === undefined ? {} : { model: model as NonNullable<Plan["model"]> }),
    ...files,
    ...size,
    steps,
    guidanceScale:
      request.guidanceScale ?? (request.task === "unconditional" ? 1 : defaultGuidance(family, model?.name ?? "")),
    sampler,
    scheduler,
    ...sampling,
    ...(extraSchedulers(info).includes(scheduler) ? { ownScheduler: true } : {}),
    seed: BigInt(request.seed ?? 0),
    loras,
    prompt: embedded.prompts[0]!,
    negativePrompt: embedded.prompts[1]!,
    controls,
    adapters,
    ...(upscaleModel === undefined ? {} : { upscaleModel }),
    images,
    inpaint: {
      mode: own.inpaint ?? (/inpaint|fill/i.test(model?.name ?? "") ? "inpaint-model" : "noise-mask"),
      growMaskBy: own.growMaskBy,
    },
    refine: own.refine,
    strengthConvention: own.strengthConvention ?? options.strengthConvention,
    delivery: own.delivery ?? options.delivery,
    filenamePrefix: own.filenamePrefix ?? options.filenamePrefix,
  };
}

function modelOf(request: GenerationRequest, { info, options }: PlanContext): FoundModel | { issue: Issue } {
  const name = (request.task === "upscale" ? undefined : request.model) ?? options.checkpoint ?? options.model;
  return name === undefined ? onlyModel(info) : findModel(name, info);
}

/** The upscale model of the `upscale` task (named, else the server's nearest in factor) or of a hires pass. */
function upscalerOf(request: GenerationRequest, info: ObjectInfo): { name: string } | { issue: Issue } | undefined {
  const models = upscaleModelsOf(info);
  if (request.task === "upscale") {
    if (request.model !== undefined) return resolveName(request.model, models, "model", "upscale model");
    const factor = Math.ceil(request.scale);
    const fitting = models.find((name) => new RegExp(`(^|[^\\d])(${factor}x|x${factor})([^\\d]|$)`, "i").test(name));
    const usual = fitting ?? models[0];
    return usual === undefined ? undefined : { name: usual };
  }
  const upscaler = request.hires?.upscaler;
  if (upscaler === undefined || isLatentMethod(upscaler)) return undefined;
  return resolveName(upscaler, models, "hires.upscaler", "upscale model");
}

/** Samplers that look at one step at a time and draw no noise: cut in two, they give the same as whole. */
const cuttable = ["euler", "ddim", "heun", "exp_heun_2_x0"];

/** Names of the layers that perturbed-attention guidance perturbs on ComfyUI. */
const middle = ["mid", "mid_block"];

/** Parts of fields that capabilities name only as a whole. */
function refuseUnsupported(request: GenerationRequest, family: Family, sampler: string, options: Issue[]): void {
  const issues = [...options];
  const { guidance, task } = request;
  const refuse = (field: string, message: string) => issues.push({ field, message });
  const plus = sampler.endsWith("_cfg_pp");
  if (guidance !== undefined && family === "flux") {
    refuse("guidance", "flux has its guidance inside the model: use guidanceScale alone");
  } else if (guidance !== undefined) {
    if (guidance.mode === "cfg++" && !plus) {
      refuse("guidance.mode", `"cfg++" needs a sampler whose name ends in _cfg_pp, not "${sampler}"`);
    }
    if (plus && !["cfg", "cfg++"].includes(guidance.mode)) {
      refuse("guidance.mode", `must be "cfg++" with sampler "${sampler}"`);
    }
    // PerturbedAttentionGuidance has one scale, and perturbs the middle block.
    if (guidance.pagLayers?.some((layer) => !middle.includes(layer))) {
      refuse("guidance.pagLayers", 'must be ["mid"] here: ComfyUI perturbs the middle block alone');
    }
    if ((guidance.pagAdaptiveScale ?? 0) > 0) {
      refuse("guidance.pagAdaptiveScale", "is not possible here: the scale is the same at every step");
    }
    if (guidance.scales !== undefined) refuse("guidance.scales", "one guidanceScale holds for all steps here");
    const field = guidance.start > 0 ? "guidance.start" : "guidance.end";
    const isWindowed = guidance.start > 0 || guidance.end < 1;
    if (isWindowed && !cuttable.includes(sampler)) {
      refuse(field, `is possible with sampler ${cuttable.join(", ")}, not "${sampler}"`);
    } else if (isWindowed && (task === "inpaint" || task === "outpaint")) {
      refuse(field, `is not possible for ${task} here: leave start and end out`);
    }
  }
  if (issues.length > 0) throw new UnsupportedError(issues, comfyDetails());
}
