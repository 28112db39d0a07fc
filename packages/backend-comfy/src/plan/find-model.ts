import type { Issue } from "@latentkit/core";
import { resolveName } from "../server/names.ts";
import type { ObjectInfo } from "../server/object-info.ts";

/** A model as the server has it. */
export interface FoundModel {
  kind: "checkpoint" | "diffusion-model" | "upscale-model";
  name: string;
}

/** The server's checkpoints. */
export function checkpointsOf(info: ObjectInfo): readonly string[] {
  return info.choices("CheckpointLoaderSimple", "ckpt_name");
}

/** The server's upscale models. */
export function upscaleModelsOf(info: ObjectInfo): readonly string[] {
  return info.choices("UpscaleModelLoader", "model_name");
}

/** Finds a model by name among checkpoints, diffusion models and, where asked, upscale models. */
export function findModel(
  name: string,
  info: ObjectInfo,
  field = "model",
  kinds: readonly FoundModel["kind"][] = ["checkpoint", "diffusion-model"],
): FoundModel | { issue: Issue } {
  const lists = {
    checkpoint: checkpointsOf(info),
    "diffusion-model": info.choices("UNETLoader", "unet_name"),
    "upscale-model": upscaleModelsOf(info),
  };
  for (const kind of kinds) {
    const found = resolveName(name, lists[kind], field, "model");
    if ("name" in found) return { kind, name: found.name };
    if (found.issue.message.includes("fits several")) return found;
  }
  const all = kinds.flatMap((kind) => lists[kind]);
  const { issue } = resolveName(name, all, field, "model") as { issue: Issue };
  if (all.length === 0 || issue.message.includes("did you mean")) return { issue };
  // Which name fits depends on the task: a checkpoint is no answer to somebody who asks for an upscale model.
  const has = kinds.map((kind) => listing(`${kind.replace("-", " ")}s`, lists[kind]));
  return { issue: { ...issue, message: `the server has no model "${name}"; it has ${has.join("; ")}` } };
}

function listing(what: string, names: readonly string[]): string {
  if (names.length === 0) return `no ${what}`;
  const more = names.length > 10 ? ` and ${names.length - 10} more` : "";
  return `${what} ${names.slice(0, 10).join(", ")}${more}`;
}

/** The model for a request that names none: the server's only one. */
export function onlyModel(info: ObjectInfo): FoundModel | { issue: Issue } {
  const checkpoints = checkpointsOf(info);
  if (checkpoints.length === 1) return { kind: "checkpoint", name: checkpoints[0]! };
  const all = [...checkpoints, ...info.choices("UNETLoader", "unet_name")];
  const message =
    all.length === 0
      ? "the server has no checkpoint: put one into its models/checkpoints folder"
      : `say which, here or as the backend's checkpoint: ${all.slice(0, 20).join(", ")}`;
  return { issue: { field: "model", message, allowed: all } };
}
