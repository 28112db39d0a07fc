import type { ModelSchema } from "../model/input-schema.ts";
import { controlnet, multiControlnet } from "./families/controlnet.ts";
import { flux } from "./families/flux.ts";
import { ideogram } from "./families/ideogram.ts";
import { imagen } from "./families/imagen.ts";
import { qwenImage } from "./families/qwen-image.ts";
import { recraft } from "./families/recraft.ts";
import { sd35 } from "./families/sd35.ts";
import { sdxl } from "./families/sdxl.ts";
import { seedream } from "./families/seedream.ts";
import { upscaler } from "./families/upscaler.ts";
import type { Family } from "./family.ts";

/** Families with habits that their schemas do not tell, the special ones first. */
export const families: readonly Family[] = [
  upscaler,
  multiControlnet,
  controlnet,
  ideogram,
  recraft,
  imagen,
  seedream,
  qwenImage,
  flux,
  sd35,
  sdxl,
];

const plain: Family = { name: "plain", matches: () => true };

/** The family of a model; a plain one, mapped by its schema alone, where none is known. */
export function familyOf(id: string, schema: ModelSchema): Family {
  return families.find((family) => family.matches(id, schema)) ?? plain;
}
