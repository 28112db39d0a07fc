import { modelError } from "../../files/model-error.ts";
import { TensorNames } from "../../files/tensor-names.ts";
import { fileWeights } from "../../files/weights.ts";
import type { IPAdapterShape } from "../../networks/ip-adapter/ip-adapter.ts";

/**
 * What an IP-Adapter's file holds, in the naming that its authors publish and diffusers reads (`image_proj.…`, `ip_adapter.…`). No weight
 * is read.
 *
 * @throws {@link ModelError} for a pickle, and for a file that is none, or one of a kind that is not supported.
 */
export async function readIPAdapter(path: string): Promise<IPAdapterShape> {
  const weights = await fileWeights(path);
  const names = new TensorNames(weights);
  const fail = (what: string) => modelError("unsupported", `${path} ${what}`, { file: path });
  if (!names.has("image_proj") || !names.has("ip_adapter"))
    throw fail("is not an IP-Adapter: it has no image_proj and ip_adapter");
  if ([...weights.names()].some((name) => name.includes("_lora")))
    throw fail("is a FaceID adapter, which looks at a face recogniser's numbers and is not supported");
  const layers = [...weights.names()].flatMap((name) => /^ip_adapter\.(\d+)\.to_k_ip\.weight$/.exec(name)?.[1] ?? []);
  const channels = layers
    .map(Number)
    .sort((a, b) => a - b)
    .map((layer, i) => {
      if (layer !== 2 * i + 1) throw fail(`names its layers otherwise than is known: ip_adapter.${layer}`);
      return names.shape(`ip_adapter.${layer}.to_k_ip.weight`)[0]!;
    });
  const width = names.shape("ip_adapter.1.to_k_ip.weight")[1] ?? 0;
  const common = { width, channels };
  const [rows = 0, inputs = 0] = names.shape("image_proj.proj.weight");
  if (rows > 0) return { kind: "plain", inputs, tokens: rows / width, inner: 0, layers: 0, ...common };
  const [, tokens = 0, inner = 0] = names.shape("image_proj.latents");
  if (tokens === 0) throw fail("is an IP-Adapter of a kind that is not supported (plain, Plus and Plus-face are)");
  const [, patches = 0] = names.shape("image_proj.proj_in.weight");
  return { kind: "plus", inputs: patches, tokens, inner, layers: names.count("image_proj.layers"), ...common };
}
