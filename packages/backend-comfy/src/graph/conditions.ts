import { isDev } from "../plan/family.ts";
import { asWritten } from "../plan/prompt-syntax.ts";
import type { GraphBuilder, Link } from "./graph.ts";
import type { Conditions } from "./guides.ts";
import { loadImage } from "./load-image.ts";
import type { Pipeline } from "./model.ts";
import type { Plan } from "./plan.ts";
import { addReferences, encodeWithPictures } from "./references.ts";

/** Encodes the prompts, adds text conditioning, and applies the ControlNets. */
export function condition(g: GraphBuilder, plan: Plan, pipeline: Pipeline): Conditions {
  const { clip } = pipeline;
  const own = encodeWithPictures(g, plan, pipeline);
  if (own !== undefined) return applyControls(g, plan, pipeline, own);
  const main = g.add("positive", "CLIPTextEncode", { text: plan.prompt, clip }, { text: "prompt" })();
  const positive = addTexts(g, plan, clip, main);
  const guided =
    (plan.family === "flux" || (plan.family === "flux2" && isDev(plan.model?.name ?? ""))) && plan.guidanceScale > 0
      ? g.add(
          "flux-guidance",
          "FluxGuidance",
          { conditioning: positive, guidance: plan.guidanceScale },
          { guidance: "guidanceScale" },
        )()
      : positive;
  const texts = { positive: guided, negative: negativeOf(g, plan, clip, main) };
  return applyControls(g, plan, pipeline, addReferences(g, plan, pipeline, texts));
}

/** Models that are run without guidance look at no negative prompt: it is zeros there, and costs no encoding. */
function negativeOf(g: GraphBuilder, plan: Plan, clip: Link, positive: Link): Link {
  const unused = plan.negativePrompt === "" && ["flux", "flux2", "krea2", "z-image"].includes(plan.family);
  if (unused) return g.add("negative", "ConditioningZeroOut", { conditioning: positive })();
  return g.add("negative", "CLIPTextEncode", { text: plan.negativePrompt, clip }, { text: "negativePrompt" })();
}

/** A text that acts all the time is appended; one with a window of its own is a second prediction, averaged in. */
function addTexts(g: GraphBuilder, plan: Plan, clip: Link, main: Link): Link {
  let current = main;
  for (const [i, entry] of plan.request.conditioning.entries()) {
    if (entry.kind !== "text") continue;
    const field = `conditioning[${i}]`;
    const id = `text-${i + 1}`;
    const { weight, start, end } = entry;
    const prompt = asWritten(entry.prompt, plan.request);
    const text = weight === 1 ? prompt : `(${prompt}:${weight})`;
    const encoded = g.add(id, "CLIPTextEncode", { text, clip }, { text: `${field}.prompt` })();
    if (start === 0 && end === 1) {
      const inputs = { conditioning_to: current, conditioning_from: encoded };
      current = g.add(`${id}-added`, "ConditioningConcat", inputs)();
      continue;
    }
    const fields = { start: `${field}.start`, end: `${field}.end` };
    const window = { conditioning: encoded, start, end };
    const timed = g.add(`${id}-window`, "ConditioningSetTimestepRange", window, fields)();
    current = g.add(`${id}-added`, "ConditioningCombine", { conditioning_1: current, conditioning_2: timed })();
  }
  return current;
}

/** SetUnionControlNetType's name for each of ours. */
const unionType: Readonly<Record<string, string>> = {
  canny: "canny/lineart/anime_lineart/mlsd",
  "line-art": "canny/lineart/anime_lineart/mlsd",
  depth: "depth",
  pose: "openpose",
  scribble: "hed/pidi/scribble/ted",
  segmentation: "segment",
  tile: "tile",
  custom: "auto",
};

function applyControls(g: GraphBuilder, plan: Plan, { vae }: Pipeline, conditions: Conditions): Conditions {
  let current = conditions;
  for (const [i, { at, entry, network, preprocessor }] of plan.controls.entries()) {
    const field = `conditioning[${at}]`;
    const id = `control-${i + 1}`;
    const inputs = { control_net_name: network };
    const loaded = g.add(id, "ControlNetLoader", inputs, { control_net_name: `${field}.model` })();
    const type = unionType[entry.control] ?? "auto";
    const control_net = /union|promax/i.test(network)
      ? g.add(`${id}-type`, "SetUnionControlNetType", { control_net: loaded, type }, { type: `${field}.control` })()
      : loaded;
    const photo = loadImage(g, plan, `${field}.image`, `${id}-image`)();
    const image = preprocessor === undefined ? photo : preprocess(g, plan, `${id}-preprocess`, photo, preprocessor);
    const { strength, start: start_percent, end: end_percent } = entry;
    const applied = g.add(
      `${id}-apply`,
      "ControlNetApplyAdvanced",
      { ...current, control_net, image, strength, start_percent, end_percent, vae },
      { strength: `${field}.strength`, start_percent: `${field}.start`, end_percent: `${field}.end` },
    );
    current = { positive: applied(0), negative: applied(1) };
  }
  return current;
}

function preprocess(
  g: GraphBuilder,
  { width, height }: Plan,
  id: string,
  image: Link,
  preprocessor: NonNullable<Plan["controls"][number]["preprocessor"]>,
): Link {
  if (preprocessor === "Canny") return g.add(id, "Canny", { image, low_threshold: 0.4, high_threshold: 0.8 })();
  const resolution = Math.min(width, height);
  return g.add(id, "AIO_Preprocessor", { image, preprocessor: preprocessor.name, resolution })();
}
