import type { GraphBuilder } from "./graph.ts";
import { loadImage } from "./load-image.ts";
import type { Pipeline } from "./model.ts";
import type { Plan } from "./plan.ts";

/** Puts IP-Adapters over the model: custom nodes of the ComfyUI_IPAdapter_plus pack, found in object_info before. */
export function addImagePrompts(g: GraphBuilder, plan: Plan, pipeline: Pipeline): Pipeline {
  let current = pipeline;
  for (const [i, entry] of plan.request.conditioning.entries()) {
    const adapter = plan.adapters.get(i);
    if (entry.kind !== "image-prompt" || adapter === undefined) continue;
    const field = `conditioning[${i}]`;
    const id = `image-prompt-${i + 1}`;
    const image = loadImage(g, plan, `${field}.image`, `${id}-image`)();
    const { model, inputs } = load(g, id, field, current, adapter);
    const { strength: weight, start: start_at, end: end_at } = entry;
    const fixed = { weight_type: "linear", combine_embeds: "concat", embeds_scaling: "V only" };
    const applied = g.add(
      id,
      "IPAdapterAdvanced",
      { model, ...inputs, image, weight, start_at, end_at, ...fixed },
      { weight: `${field}.strength`, start_at: `${field}.start`, end_at: `${field}.end` },
    );
    current = { ...pipeline, model: applied() };
  }
  return current;
}

function load(
  g: GraphBuilder,
  id: string,
  field: string,
  { model }: Pipeline,
  adapter: NonNullable<ReturnType<Plan["adapters"]["get"]>>,
): { model: Pipeline["model"]; inputs: Record<string, Pipeline["model"]> } {
  if ("preset" in adapter) {
    const { preset } = adapter;
    const loader = g.add(`${id}-loader`, "IPAdapterUnifiedLoader", { model, preset }, { preset: `${field}.model` });
    return { model: loader(0), inputs: { ipadapter: loader(1) } };
  }
  const fields = { ipadapter_file: `${field}.model` };
  const file = g.add(`${id}-loader`, "IPAdapterModelLoader", { ipadapter_file: adapter.file }, fields);
  const vision = g.add(`${id}-vision`, "CLIPVisionLoader", { clip_name: adapter.clipVision });
  return { model, inputs: { ipadapter: file(), clip_vision: vision() } };
}
