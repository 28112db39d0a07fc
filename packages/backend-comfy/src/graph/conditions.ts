import type { GraphBuilder, Link } from "./graph.ts";
import type { Pipeline } from "./model.ts";
import { imageOf, type Plan } from "./plan.ts";

/** What the sampler is steered by. */
export interface Conditions {
  positive: Link;
  negative: Link;
}

/** Encodes the prompts, adds text conditioning, and applies the ControlNets. */
export function condition(g: GraphBuilder, plan: Plan, pipeline: Pipeline): Conditions {
  const { clip } = pipeline;
  const main = g.add("positive", "CLIPTextEncode", { text: plan.prompt, clip }, { text: "prompt" })();
  const positive = addTexts(g, plan, clip, main);
  const guided =
    plan.family === "flux" && plan.guidanceScale > 0
      ? g.add(
          "flux-guidance",
          "FluxGuidance",
          { conditioning: positive, guidance: plan.guidanceScale },
          { guidance: "guidanceScale" },
        )()
      : positive;
  return applyControls(g, plan, pipeline, { positive: guided, negative: negativeOf(g, plan, clip, main) });
}

/** Models that are run without guidance look at no negative prompt: it is zeros there, and costs no encoding. */
function negativeOf(g: GraphBuilder, plan: Plan, clip: Link, positive: Link): Link {
  const unused = plan.negativePrompt === "" && (plan.family === "flux" || plan.family === "z-image");
  if (unused) return g.add("negative", "ConditioningZeroOut", { conditioning: positive })();
  return g.add("negative", "CLIPTextEncode", { text: plan.negativePrompt, clip }, { text: "negativePrompt" })();
}

/** A text that acts all the time is appended; one with a window of its own is a second prediction, averaged in. */
function addTexts(g: GraphBuilder, plan: Plan, clip: Link, main: Link): Link {
  return plan.request.conditioning.reduce<Link>((before, entry, i) => {
    if (entry.kind !== "text") return before;
    const field = `conditioning[${i}]`;
    const text = entry.weight === 1 ? entry.prompt : `(${entry.prompt}:${entry.weight})`;
    const encoded = g.add(`text-${i + 1}`, "CLIPTextEncode", { text, clip }, { text: `${field}.prompt` })();
    if (entry.start === 0 && entry.end === 1) {
      const inputs = { conditioning_to: before, conditioning_from: encoded };
      return g.add(`text-${i + 1}-added`, "ConditioningConcat", inputs)();
    }
    const inputs = { conditioning: encoded, start: entry.start, end: entry.end };
    const fields = { start: `${field}.start`, end: `${field}.end` };
    const timed = g.add(`text-${i + 1}-window`, "ConditioningSetTimestepRange", inputs, fields)();
    return g.add(`text-${i + 1}-added`, "ConditioningCombine", { conditioning_1: before, conditioning_2: timed })();
  }, main);
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
  return plan.controls.reduce<Conditions>((before, { at, entry, network }, i) => {
    const field = `conditioning[${at}]`;
    const loader = g.add(
      `control-${i + 1}`,
      "ControlNetLoader",
      { control_net_name: network },
      { control_net_name: `${field}.model` },
    );
    const control_net = /union|promax/i.test(network)
      ? g.add(
          `control-${i + 1}-type`,
          "SetUnionControlNetType",
          { control_net: loader(), type: unionType[entry.control] ?? "auto" },
          { type: `${field}.control` },
        )()
      : loader();
    const image = loadImage(g, plan, `${field}.image`, `control-${i + 1}-image`)();
    const applied = g.add(
      `control-${i + 1}-apply`,
      "ControlNetApplyAdvanced",
      {
        ...before,
        control_net,
        image,
        strength: entry.strength,
        start_percent: entry.start,
        end_percent: entry.end,
        vae,
      },
      { strength: `${field}.strength`, start_percent: `${field}.start`, end_percent: `${field}.end` },
    );
    return { positive: applied(0), negative: applied(1) };
  }, conditions);
}

/** A LoadImage node for a request field's upload: outputs are the picture and its alpha as a mask. */
export function loadImage(g: GraphBuilder, plan: Plan, field: string, id: string): (slot?: number) => Link {
  return g.add(id, "LoadImage", { image: imageOf(plan, field).name }, { image: field });
}
