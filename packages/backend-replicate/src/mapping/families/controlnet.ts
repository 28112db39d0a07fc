import type { Family, SlotNames } from "../family.ts";

const slot = (n: number): SlotNames => ({
  controlImage: `controlnet_${n}_image`,
  controlType: `controlnet_${n}`,
  controlStrength: `controlnet_${n}_conditioning_scale`,
  controlStart: `controlnet_${n}_start`,
  controlEnd: `controlnet_${n}_end`,
});

/** SDXL with up to three ControlNets at once (fofr/sdxl-multi-controlnet-lora and its relatives). */
export const multiControlnet: Family = {
  name: "multi-controlnet",
  matches: (_id, { inputs }) => inputs.has("controlnet_1") && inputs.has("controlnet_1_image"),
  multipleOf: 8,
  controlSlots: [slot(1), slot(2), slot(3)],
  controlTypes: {
    canny: "edge_canny",
    depth: "depth_midas",
    pose: "openpose",
    scribble: "soft_edge_hed",
    "line-art": "lineart",
  },
};

/**
 * One ControlNet a model (jagilley/controlnet-canny, lucataco/sdxl-controlnet): the control's picture is `image`, and in
 * the older ones `scale` is the guidance and `image_resolution` the side.
 */
export const controlnet: Family = {
  name: "controlnet",
  matches: (id, { inputs }) =>
    /controlnet|t2i-adapter/.test(id) && inputs.has("image") && inputs.has("prompt") && !inputs.has("control_image"),
  names: {
    image: [],
    scale: [],
    mask: [],
    guidanceScale: ["guidance_scale", "scale"],
    negativePrompt: ["negative_prompt", "n_prompt"],
    controlImage: ["image"],
  },
  tasks: ["text-to-image"],
  control: (id) => {
    const found = /(canny|depth|pose|scribble|seg|line|hed|tile)/.exec(id)?.[1] ?? "";
    const names: Record<string, string> = { seg: "segmentation", line: "line-art", hed: "scribble" };
    return found === "" ? undefined : (names[found] ?? found);
  },
};
