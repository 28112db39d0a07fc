import { modelError } from "../files/model-error.ts";
import { auraflow } from "./auraflow/auraflow-family.ts";
import { chroma } from "./chroma/chroma-family.ts";
import type { Family } from "./family.ts";
import { flux1 } from "./flux1/flux1-family.ts";
import { flux2 } from "./flux2/flux2-family.ts";
import { flux3 } from "./flux3/flux3-family.ts";
import { krea2 } from "./krea2/krea2-family.ts";
import { lumina2 } from "./lumina2/lumina2-family.ts";
import { pixart } from "./pixart/pixart-family.ts";
import { qwenImage } from "./qwen-image/qwen-image-family.ts";
import { qwenImage21 } from "./qwen-image-21/qwen-image-21-family.ts";
import { sana } from "./sana/sana-family.ts";
import { stableDiffusion } from "./stable-diffusion/stable-diffusion-family.ts";
import { stableDiffusion3 } from "./stable-diffusion-3/stable-diffusion-3-family.ts";
import { stableDiffusionXL } from "./stable-diffusion-xl/stable-diffusion-xl-family.ts";
import { unconditional } from "./unconditional/unconditional-family.ts";
import { upscaler } from "./upscaler/upscaler-family.ts";
import { x4Upscaler } from "./x4-upscaler/x4-upscaler-family.ts";
import { zImage } from "./z-image/z-image-family.ts";

/** Every family. Adding one is a folder and a line here. */
export const families: readonly Family[] = [
  stableDiffusion,
  stableDiffusionXL,
  unconditional,
  x4Upscaler,
  zImage,
  flux2,
  flux1,
  stableDiffusion3,
  qwenImage,
  qwenImage21,
  krea2,
  flux3,
  chroma,
  pixart,
  lumina2,
  auraflow,
  sana,
  upscaler,
];

/** The family of that id. */
export function familyOf({ family: id, path }: { family: string; path: string }): Family {
  const found = families.find((family) => family.id === id);
  if (found === undefined) throw modelError("unsupported", `${path}: there is no family ${id}`, { file: path });
  return found;
}
