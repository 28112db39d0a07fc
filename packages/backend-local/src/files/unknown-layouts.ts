import { modelError } from "./model-error.ts";
import { clip } from "./quote.ts";
import type { WeightTensor } from "./safetensors.ts";

/** Ways to store weights in fewer bits that are not understood, by the names of the tensors that come with them. The first counts. */
const layouts: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/\.(smooth_factor(_orig)?|smooth_orig|wscales|wcscales)$/, "svdquant (Nunchaku's 4 bits)"],
  [/\.weight_scale_2$/, "nvfp4"],
  [/\.(absmax|quant_map|nested_absmax|quant_state\..*)$/, "bitsandbytes' 4 or 8 bits"],
  [/\.(qweight|qzeros|g_idx)$/, "4 bits (GPTQ or AWQ)"],
  [/\.(SCB|weight_format)$/, "bitsandbytes' 8 bits"],
  [/\._(data|scale|packed)$|_qdata$/, "a layout of quanto or torchao"],
];

/**
 * Refuses layouts that our graphs would misread.
 *
 * @throws {@link ModelError} naming the layout and a tensor that gives it away.
 */
export function refuseUnknownLayouts(source: string, tensors: ReadonlyMap<string, WeightTensor>): void {
  for (const [pattern, what] of layouts) {
    for (const name of tensors.keys()) if (pattern.test(name)) throw refused(source, name, what);
  }
  for (const { name, dtype } of tensors.values()) {
    if (dtype === "F8_E8M0") throw refused(source, name, "mxfp8 (blocks with scales that are powers of two)");
    if (dtype === "F4") throw refused(source, name, "fp4");
  }
}

function refused(source: string, name: string, what: string) {
  const message = `${source} stores its weights as ${what}, which does not work here (${clip(name)}); float32, float16, bfloat16, fp8, ComfyUI's int8 and GGUF files do`;
  return modelError("unsupported", message, { file: source, tensor: clip(name) });
}
