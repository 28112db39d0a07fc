import type { GenerationRequest, Issue } from "@latentkit/core";
import type { PlannedAdapter, PlannedControl } from "../graph/plan.ts";
import { resolveName } from "../server/names.ts";
import type { ObjectInfo } from "../server/object-info.ts";

/** How the usual ControlNet files for each control are called. */
const patterns: Readonly<Record<string, RegExp>> = {
  canny: /canny/i,
  depth: /depth/i,
  pose: /pose/i,
  scribble: /scribble|hed|softedge/i,
  "line-art": /line[_-]?art/i,
  segmentation: /seg/i,
  tile: /tile/i,
};

/** Finds the network of each structural control: the one named, else the server's by its usual name. */
export function planControls(
  request: GenerationRequest,
  info: ObjectInfo,
  wantsPreprocessing = false,
): { controls: PlannedControl[]; issues: Issue[] } {
  const networks = info.choices("ControlNetLoader", "control_net_name");
  const controls: PlannedControl[] = [];
  const issues: Issue[] = [];
  for (const [at, entry] of request.conditioning.entries()) {
    if (entry.kind !== "control") continue;
    const field = `conditioning[${at}].model`;
    const pattern = patterns[entry.control];
    const usual = [pattern, /union|promax/i].flatMap((p) => networks.filter((name) => p?.test(name)).slice(0, 1))[0];
    const wanted = entry.model ?? usual;
    const found =
      wanted === undefined
        ? { issue: { field, message: noNetwork(entry.control, networks), allowed: networks } }
        : resolveName(wanted, networks, field, "ControlNet");
    const preprocessor = wantsPreprocessing ? preprocessorOf(entry.control, info) : undefined;
    if ("issue" in found) issues.push(found.issue);
    else if (wantsPreprocessing && preprocessor === undefined) {
      const message = `the server has no preprocessor for "${entry.control}": install ComfyUI's ControlNet Auxiliary Preprocessors, or give the finished control picture`;
      issues.push({ field: "backendOptions.comfy.preprocess", message });
    } else {
      controls.push({ at, entry, network: found.name, ...(preprocessor === undefined ? {} : { preprocessor }) });
    }
  }
  return { controls, issues };
}

/** Names of AIO_Preprocessor's choices for each control. */
const preprocessors: Readonly<Record<string, RegExp>> = {
  canny: /canny/i,
  depth: /depth.*anything|midas|zoe|depth/i,
  pose: /openpose|dwpose|pose/i,
  scribble: /scribble/i,
  "line-art": /line[_-]?art/i,
  segmentation: /seg/i,
  tile: /tile/i,
};

function preprocessorOf(control: string, info: ObjectInfo): PlannedControl["preprocessor"] {
  if (control === "canny" && info.has("Canny")) return "Canny";
  const name = info.choices("AIO_Preprocessor", "preprocessor").find((choice) => preprocessors[control]?.test(choice));
  return name === undefined ? undefined : { name };
}

function noNetwork(control: string, networks: readonly string[]): string {
  return networks.length === 0
    ? "the server has no ControlNet: put one into its models/controlnet folder"
    : `say which ControlNet to use for "${control}": ${networks.join(", ")}`;
}

/** Finds how each image prompt is loaded: a preset of the unified loader, or an adapter's file with a CLIP vision model. */
export function planAdapters(
  request: GenerationRequest,
  info: ObjectInfo,
): { adapters: Map<number, PlannedAdapter>; issues: Issue[] } {
  const presets = info.choices("IPAdapterUnifiedLoader", "preset");
  const files = info.choices("IPAdapterModelLoader", "ipadapter_file");
  const visions = info.choices("CLIPVisionLoader", "clip_name");
  const adapters = new Map<number, PlannedAdapter>();
  const issues: Issue[] = [];
  for (const [at, entry] of request.conditioning.entries()) {
    if (entry.kind !== "image-prompt") continue;
    const field = `conditioning[${at}].model`;
    const wanted = entry.model ?? presets[0] ?? files[0];
    const preset =
      wanted === undefined ? undefined : presets.find((name) => name.toLowerCase().startsWith(wanted.toLowerCase()));
    if (preset !== undefined) {
      adapters.set(at, { preset });
      continue;
    }
    const found = resolveName(wanted ?? "ip-adapter", [...files, ...presets], field, "IP-Adapter");
    const clipVision = visions.find((name) => /vit[_-]?h|image_encoder/i.test(name)) ?? visions[0];
    if ("issue" in found) issues.push(found.issue);
    else if (clipVision === undefined)
      issues.push({ field, message: "the server has no CLIP vision model, which an IP-Adapter needs" });
    else adapters.set(at, { file: found.name, clipVision });
  }
  return { adapters, issues };
}

/** Whether image prompts are possible at all: the nodes of the IP-Adapter pack are there. */
export function hasIpAdapter(info: ObjectInfo): boolean {
  return info.has("IPAdapterAdvanced") && (info.has("IPAdapterUnifiedLoader") || info.has("IPAdapterModelLoader"));
}
