import type { Issue } from "@latentkit/core";
import type { Family, ResolvedOptions } from "../comfy-options.ts";
import { resolveName } from "../server/names.ts";
import type { ObjectInfo } from "../server/object-info.ts";
import { familyDefaults, usualTextEncoders } from "./family.ts";
import type { FoundModel } from "./find-model.ts";
import type { ResolvedRequestOptions } from "./request-options.ts";

/** Files beside the model's own. */
export type ModelFiles = { textEncoders: string[]; vae?: string };

/** Finds text encoders and VAE: those named, else, for a diffusion model without its own, the server's by usual names. */
export function planFiles(
  model: FoundModel,
  family: Family,
  own: ResolvedRequestOptions,
  options: ResolvedOptions,
  info: ObjectInfo,
): ModelFiles & { issues: Issue[] } {
  const issues: Issue[] = [];
  const pick = (wanted: string | RegExp, known: readonly string[], field: string, what: string): string => {
    const name = typeof wanted === "string" ? wanted : known.find((candidate) => wanted.test(candidate));
    if (name === undefined) {
      const message = `${model.name} comes without a ${what}, and the server has none by the usual name (${wanted}): name one of ${known.join(", ") || "none"}`;
      issues.push({ field, message, allowed: known });
      return "";
    }
    const found = resolveName(name, known, field, what);
    if ("name" in found) return found.name;
    issues.push(found.issue);
    return "";
  };
  const alone = model.kind === "diffusion-model";
  const defaults = familyDefaults[family];
  const encoders = own.textEncoders ?? options.textEncoders ?? (alone ? usualTextEncoders(family, model.name) : []);
  const vae = own.vae ?? options.vae ?? (alone ? defaults.vae : undefined);
  const known = [
    ...new Set([...info.choices("CLIPLoader", "clip_name"), ...info.choices("DualCLIPLoader", "clip_name1")]),
  ];
  const field = "backendOptions.comfy.textEncoders";
  const textEncoders = encoders.map((wanted) => pick(wanted, known, field, "text encoder"));
  if (vae === undefined) return { textEncoders, issues };
  return {
    textEncoders,
    vae: pick(vae, info.choices("VAELoader", "vae_name"), "backendOptions.comfy.vae", "VAE"),
    issues,
  };
}
