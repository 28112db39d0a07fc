import { modelError } from "./model-error.ts";
import { clip, quote } from "./quote.ts";
import { readBytes, readTensor } from "./read-tensor.ts";
import type { WeightTensor } from "./safetensors.ts";
import { refuseUnknownLayouts } from "./unknown-layouts.ts";

/** How one layer's weight is stored, as ComfyUI's `<layer>.comfy_quant` says. */
interface LayerFormat {
  format: string;
  convrot?: boolean | undefined;
  convrot_groupsize?: number | undefined;
}

type Tensors = ReadonlyMap<string, WeightTensor>;

/** Tensors that belong to a layer's weight, by the ends of their names. The scales of inputs are for arithmetic in fp8. */
const scaleEnds = [".weight_scale", ".scale_weight"];
const asideEnds = [".comfy_quant", ...scaleEnds, ".input_scale", ".scale_input"];

/** What an element type is called in a layer's format. */
const storedAs: Readonly<Record<string, string>> = {
  float8_e4m3fn: "F8_E4M3",
  float8_e5m2: "F8_E5M2",
  int8_tensorwise: "I8",
};

/** Where a model's prefix is left out of the names in the metadata. */
const prefixes = ["", "model.diffusion_model.", "diffusion_model.", "model."];

/**
 * A file's tensors as its quantised layout means them: weights that have a scale carry it, and what only describes them is left out.
 * Understood are fp8 with one scale a layer (ComfyUI's `scaled_fp8` with `scale_weight`, and its newer `weight_scale`), and ComfyUI's
 * int8 (`int8_tensorwise`), rotated (`convrot`) or not, with the formats in `comfy_quant` tensors or in the metadata.
 *
 * @see https://github.com/Comfy-Org/ComfyUI `comfy/ops.py`, `comfy/utils.py` (convert_old_quants)
 * @throws {@link ModelError} naming the tensor: formats that are not understood, scales that don't fit.
 */
export async function readQuantisedLayout(
  source: string,
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Tensors> {
  refuseUnknownLayouts(source, tensors);
  const formats = await layerFormats(source, tensors, metadata);
  const scaled = new Map<string, WeightTensor>();
  for (const [name, tensor] of tensors) {
    const end = scaleEnds.find((each) => name.endsWith(each));
    if (end === undefined) continue;
    const layer = name.slice(0, -end.length);
    if (!tensors.has(`${layer}.weight`)) throw fail(source, name, "is the scale of a weight that is not there");
    scaled.set(layer, tensor);
  }
  for (const layer of formats.keys())
    if (!scaled.has(layer)) throw fail(source, `${layer}.weight`, "is quantised, and its weight_scale is missing");
  requireScales(source, tensors, scaled);
  const understood = new Map<string, WeightTensor>();
  for (const [name, tensor] of tensors) {
    if (/(^|\.)scaled_fp8$/.test(name) || asideEnds.some((end) => name.endsWith(end))) continue;
    const scale = name.endsWith(".weight") ? scaled.get(name.slice(0, -".weight".length)) : undefined;
    const format = formats.get(name.slice(0, -".weight".length));
    understood.set(
      name,
      scale === undefined ? unscaled(source, tensor) : await withScale(source, tensor, scale, format),
    );
  }
  return understood;
}

/** fp8 is fp8 without a scale, too: but not where the same layer of another block has one. */
function requireScales(source: string, tensors: Tensors, scaled: ReadonlyMap<string, WeightTensor>): void {
  const kindOf = (layer: string) => layer.replace(/\d+/g, "0");
  const kinds = new Set(
    [...scaled.keys()].filter((layer) => tensors.get(`${layer}.weight`)!.dtype !== "I8").map(kindOf),
  );
  for (const [name, { dtype }] of tensors) {
    if (!name.endsWith(".weight") || (dtype !== "F8_E4M3" && dtype !== "F8_E5M2")) continue;
    const layer = name.slice(0, -".weight".length);
    if (!scaled.has(layer) && kinds.has(kindOf(layer)))
      throw fail(source, name, `is stored as ${dtype} without a scale, which the same layer has in other blocks`);
  }
}

/** int8 means nothing without a scale. Small integers (positions, step counts) are none of a network's weights. */
function unscaled(source: string, tensor: WeightTensor): WeightTensor {
  if ((tensor.dtype !== "I8" && tensor.dtype !== "U8") || tensor.shape.length < 2) return tensor;
  throw modelError("unsupported", `${source}: ${clip(tensor.name)} is stored as ${tensor.dtype} without a scale`, {
    file: source,
    tensor: clip(tensor.name),
  });
}

async function withScale(
  source: string,
  tensor: WeightTensor,
  scale: WeightTensor,
  format: LayerFormat | undefined,
): Promise<WeightTensor> {
  const { name, dtype, shape } = tensor;
  const stored = format === undefined ? undefined : storedAs[format.format];
  const is8bit = dtype === "F8_E4M3" || dtype === "F8_E5M2" || dtype === "I8";
  if (!is8bit || (stored ?? dtype) !== dtype)
    throw fail(source, name, `is stored as ${dtype} and has a scale${stored ? ` for ${format!.format}` : ""}`);
  if (dtype === "I8" && format === undefined)
    throw fail(source, name, "is int8 without a comfy_quant that says whether it is rotated", "unsupported");
  await checkScale(source, tensor, scale);
  const [rows = 1] = scale.shape;
  const plain = { ...scale, shape: rows === 1 ? [] : [rows] };
  if (!format?.convrot) return { ...tensor, scale: plain };
  const rotation = format.convrot_groupsize ?? 256;
  const columns = shape[1] ?? 0;
  if (!isPowerOf4(rotation) || shape.length !== 2 || columns % rotation !== 0) {
    const message = `[${shape.join(", ")}] is rotated in groups of ${quote(rotation)}, which must be a power of four that divides its columns`;
    throw fail(source, name, message);
  }
  return { ...tensor, scale: plain, rotation };
}

async function checkScale(source: string, { name, shape }: WeightTensor, scale: WeightTensor): Promise<void> {
  const [rows = 1, ...rest] = scale.shape;
  if (rest.some((side) => side !== 1) || (rows !== 1 && rows !== shape[0])) {
    const message = `is [${scale.shape.join(", ")}]; the scale of ${clip(name)} [${shape.join(", ")}] has one number, or ${shape[0]}`;
    throw fail(source, scale.name, message, "shape");
  }
  const values = await readTensor(scale);
  const wrong = values.findIndex((value) => !Number.isFinite(value) || value < 0);
  if (wrong >= 0) throw fail(source, scale.name, `holds ${values[wrong]}, which can't scale a weight`);
}

/** The formats of all layers that say one, in tensors of their own or in the file's metadata. */
async function layerFormats(
  source: string,
  tensors: Tensors,
  metadata: Readonly<Record<string, string>>,
): Promise<Map<string, LayerFormat>> {
  const formats = new Map<string, LayerFormat>();
  for (const [name, tensor] of tensors) {
    if (!name.endsWith(".comfy_quant")) continue;
    const layer = name.slice(0, -".comfy_quant".length);
    if (!tensors.has(`${layer}.weight`)) throw fail(source, name, "describes a weight that is not there");
    const text = tensor.length > 4096 ? "" : (await readBytes(tensor)).toString();
    formats.set(layer, parseFormat(source, name, parseJson(text)));
  }
  const { layers } = (parseJson(metadata._quantization_metadata ?? "{}") ?? {}) as { layers?: unknown };
  if (layers === undefined) return formats;
  if (typeof layers !== "object" || layers === null) throw fail(source, "_quantization_metadata", "has no layers");
  for (const [name, format] of Object.entries(layers)) {
    const layer = prefixes.map((prefix) => `${prefix}${name}`).find((each) => tensors.has(`${each}.weight`));
    if (layer === undefined) throw fail(source, `${name}.weight`, "is described in the metadata and is not there");
    if (!formats.has(layer)) formats.set(layer, parseFormat(source, `${name}.weight`, format));
  }
  return formats;
}

function parseFormat(source: string, name: string, value: unknown): LayerFormat {
  const { format, convrot, convrot_groupsize, params } = (
    typeof value === "string" ? { format: value } : (value ?? {})
  ) as Partial<LayerFormat & { params?: Partial<LayerFormat> }>;
  if (typeof format !== "string") throw fail(source, name, "does not say a format");
  if (!Object.hasOwn(storedAs, format)) {
    const message = `is stored as ${quote(format)}; of ComfyUI's quantised formats ${Object.keys(storedAs).join(", ")} work`;
    throw fail(source, name, message, "unsupported");
  }
  const rotated = convrot ?? params?.convrot;
  if (rotated != null && typeof rotated !== "boolean")
    throw fail(source, name, `has a convrot of ${quote(rotated)}, which must be true or false`);
  return { format, convrot: rotated, convrot_groupsize: convrot_groupsize ?? params?.convrot_groupsize };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isPowerOf4(size: unknown): boolean {
  return typeof size === "number" && [4, 16, 64, 256, 1024, 4096].includes(size);
}

function fail(
  source: string,
  tensor: string,
  message: string,
  problem: "malformed" | "unsupported" | "shape" = "malformed",
) {
  return modelError(problem, `${source}: ${clip(tensor)} ${message}`, { file: source, tensor: clip(tensor) });
}
