import { stat } from "node:fs/promises";
import { join } from "node:path";
import { families } from "../../families/families.ts";
import { readOptionalJson } from "../../files/read-json.ts";
import type { Weights } from "../../files/weights.ts";
import { looksLike } from "../../models/looks-like.ts";
import type { AdapterInfo } from "../inspect-adapter.ts";
import { type ControlSource, isControlClass, openControl, readControl } from "./control-source.ts";
import { transformerNet } from "./transformer-nets.ts";
import { unionKinds } from "./union-kinds.ts";

/** A ControlNet or T2I-Adapter that a folder or file is, with its tensors; undefined where it is none. @throws ModelError of one that is not supported. */
export async function inspectControl(
  path: string,
  weights?: Weights,
): Promise<{ info: AdapterInfo; source: ControlSource; weights: Weights } | undefined> {
  const isControl =
    weights === undefined ? await isControlFolder(path) : /ControlNet|T2I-Adapter/.test(looksLike(weights) ?? "");
  if (!isControl) return undefined;
  const source = await readControl(path);
  return { info: infoOf(source), source, weights: await openControl(source) };
}

async function isControlFolder(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  if (!stats?.isDirectory()) return false;
  const config = await readOptionalJson(join(path, "config.json"));
  return isControlClass(config?._class_name);
}

const widths: Readonly<Record<number, string>> = {
  768: "Stable Diffusion 1",
  1024: "Stable Diffusion 2",
  2048: "Stable Diffusion XL",
};

function infoOf({ kind, config }: ControlSource): AdapterInfo {
  if (kind === "t2i-adapter") return { kind, title: "T2I-Adapter", base: "Stable Diffusion" };
  const net = transformerNet({ kind });
  const width = [config.cross_attention_dim].flat()[0];
  const base = net ? families.find(({ id }) => id === net.family)!.title : (widths[Number(width)] ?? "a UNet");
  const count = config._class_name === "ControlNetUnionModel" ? Number(config.num_control_type ?? 6) : 0;
  const kinds = net ? Object.keys(net.kinds?.(config) ?? {}) : unionKinds(count);
  return { kind: "controlnet", title: "ControlNet", base, ...(kinds.length > 0 ? { controls: kinds } : {}) };
}
