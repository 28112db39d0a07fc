import type { Family } from "../families/family.ts";
import { modelError } from "../files/model-error.ts";
import { quote } from "../files/quote.ts";
import type { Companions } from "./find-companions.ts";
import type { ModelPart } from "./model.ts";
import { openWeights } from "./open-weights.ts";
import { type PartPaths, readPart } from "./part-source.ts";
import type { PartName } from "./recognised-model.ts";
import { isSameNetwork } from "./same-network.ts";

/** What {@link withGivenParts} needs to know of the model. */
export interface BaseModel {
  /** The model's path, for messages. */
  path: string;
  family: Family;
  parts: Readonly<Record<string, ModelPart>>;
  /** How its VAE's latents are scaled, where the model says so without a VAE of its own. */
  latents?: Readonly<Record<string, unknown>>;
  variant?: string | undefined;
  /** Parts that this model can't do without, though others of its family can. */
  required?: readonly string[];
  /** Parts that are looked for with those that are missing, and need not be there. */
  optional?: readonly string[];
  /** The model's own part of that name as it is saved, where it is. */
  saved?: (name: string) => Promise<ModelPart | undefined>;
  /** Finds parts that are still missing elsewhere. */
  find?: (
    missing: readonly string[],
    withLatents: (name: string, part: ModelPart) => ModelPart,
    parts: Readonly<Record<string, ModelPart>>,
  ) => Promise<Companions>;
}

/**
 * A model's parts with those in their places that were given by their own paths.
 *
 * @throws ModelError for a part that the family doesn't have, that is of another class, or whose latents are another family's; and
 * for a part that is then still missing, naming the option that brings it.
 */
export async function withGivenParts(base: BaseModel, given: PartPaths = {}): Promise<Record<string, ModelPart>> {
  const { family, path, variant, required = [], optional = [] } = base;
  const parts: Record<string, ModelPart> = { ...base.parts };
  for (const [name, place] of Object.entries(given)) {
    if (place === undefined) continue;
    const rule = family.parts[name];
    if (rule === undefined) {
      const message = `parts.${name}: a ${family.title} model has no such part; it has ${Object.keys(family.parts).join(", ")}`;
      throw modelError("unsupported", message, { file: path, option: `parts.${name}` });
    }
    const part = await asSaved(await readPart(name as PartName, place, variant), name, base);
    const found = classOf(part);
    if (found !== undefined && !rule.classes.includes(found as string)) {
      const message = `${part.file}: it is a ${quote(found)}; parts.${name} of a ${family.title} model can be ${rule.classes.join(", ")}`;
      throw modelError("unsupported", message, { file: part.file, option: `parts.${name}` });
    }
    parts[name] = name === "vae" ? withLatents(part, base) : part;
  }
  const isNeeded = (name: string) => !family.parts[name]?.optional || required.includes(name);
  const missing = Object.keys(family.parts).filter((name) => isNeeded(name) && parts[name] === undefined);
  const more = optional.filter((name) => parts[name] === undefined);
  if (missing.length === 0 && (more.length === 0 || base.find === undefined)) return parts;
  const scaled = (name: string, part: ModelPart) => (name === "vae" ? withLatents(part, base) : part);
  const found = await base.find?.([...missing, ...more], scaled, parts);
  const left = missing.filter((name) => found?.parts[name] === undefined);
  if (left.length === 0) return { ...parts, ...found!.parts };
  const lacking = found?.lacking.length ? found.lacking : left;
  const [name, ...others] = lacking as [string, ...string[]];
  // Where all were found they only don't fit each other.
  const also = others.length === 0 || found?.lacking.length === 0 ? "" : ` (missing, too: ${others.join(", ")})`;
  const where = found === undefined ? "" : `. No files that fit each other were found in ${found.looked.join(", ")}`;
  const why =
    found === undefined || found.passedOver.length === 0 ? "" : ` (${found.passedOver.slice(0, 3).join("; ")})`;
  const message = `${path}: it holds ${Object.keys(parts).join(", ")} of a ${family.title} model, and no ${name}; give one: local({ model, parts: { ${name}: "path/to/file.safetensors" } })${also}${where}${why}`;
  throw modelError("missing", message, { file: path, option: `parts.${name}` });
}

/** A weights file's part with the config of the part whose place it takes, where the two are one network: shapes don't tell all that a config does. */
async function asSaved(part: ModelPart, name: string, { family, saved }: BaseModel): Promise<ModelPart> {
  if (part.weights.kind !== "file" || part.file !== part.weights.path) return part;
  const own = await saved?.(name);
  const { classes = [] } = family.parts[name] ?? {};
  if (own === undefined || classOf(part) === undefined || !classes.includes(classOf(part) as string)) return part;
  const weights = await openWeights(own.weights).catch(() => undefined);
  if (weights === undefined || !isSameNetwork(await openWeights(part.weights), weights)) return part;
  return { ...part, config: own.config, file: own.file };
}

function classOf({ config: { _class_name: own, architectures } }: ModelPart): unknown {
  return own ?? (Array.isArray(architectures) ? architectures[0] : undefined);
}

/**
 * A VAE file doesn't say how its latents are scaled: the model does. A VAE's config.json says it, and where it says otherwise than
 * the model it is another family's, whose latents mean something else.
 */
function withLatents(vae: ModelPart, { parts, latents: stated, path }: BaseModel): ModelPart {
  const latents = stated ?? latentsOf(parts.vae?.config);
  if (vae.config._class_name === "AutoencoderTiny" || latents.scaling_factor === undefined) return vae;
  const fromTensors = vae.weights.kind === "file" && vae.file === vae.weights.path;
  if (fromTensors) return { ...vae, config: { ...vae.config, ...latents } };
  const own = latentsOf(vae.config);
  if (own.scaling_factor !== latents.scaling_factor) {
    const message = `${vae.file}: its latents are scaled by ${quote(own.scaling_factor)}, those of ${path} by ${quote(latents.scaling_factor)}: it is another model's VAE`;
    throw modelError("unsupported", message, { file: vae.file, option: "scaling_factor" });
  }
  const [shift, wanted] = [own.shift_factor ?? 0, latents.shift_factor ?? 0];
  if (shift === wanted) return vae;
  const message = `${vae.file}: its latents are shifted by ${quote(shift)}, those of ${path} by ${quote(wanted)}: it is another model's VAE`;
  throw modelError("unsupported", message, { file: vae.file, option: "shift_factor" });
}

/** diffusers' default where a config says nothing. */
function latentsOf(config: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> {
  if (config === undefined || config._class_name === "AutoencoderTiny") return {};
  const { scaling_factor = 0.18215, shift_factor, latents_mean, latents_std } = config;
  return {
    scaling_factor,
    ...(shift_factor == null ? {} : { shift_factor }),
    ...(latents_mean == null ? {} : { latents_mean, latents_std }),
  };
}
