import { createHash } from "node:crypto";
import { encodeImage } from "@latentkit/core";
import { isLink, type Prompt } from "./prompt.ts";

/** Width and height. */
export interface Size {
  width: number;
  height: number;
}

/** What a node would give, as text: equal for equal nodes over equal inputs. It is the key of the cache. */
export function signatureOf(prompt: Prompt, id: string): string {
  const { class_type, inputs = {} } = prompt[id]!;
  const parts = Object.entries(inputs)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(
      ([name, value]) => `${name}=${isLink(value) ? `${signatureOf(prompt, value[0])}#${value[1]}` : String(value)}`,
    );
  return createHash("sha256")
    .update(`${class_type}(${parts.join(",")})`)
    .digest("hex");
}

/** The size of what a node gives, followed through the graph. */
export function sizeOf(prompt: Prompt, id: string, uploads: ReadonlyMap<string, Size>): Size {
  const { class_type, inputs } = prompt[id]!;
  const number = (name: string) => Number(inputs[name]);
  const from = (name: string): Size =>
    isLink(inputs[name]) ? sizeOf(prompt, inputs[name][0], uploads) : { width: 64, height: 64 };
  const times = ({ width, height }: Size, factor: number): Size => ({ width: width * factor, height: height * factor });
  switch (class_type) {
    case "EmptyLatentImage":
    case "EmptySD3LatentImage":
    case "ImageCrop":
    case "ImageScale":
      return { width: number("width"), height: number("height") };
    case "LoadImage":
    case "LoadImageMask":
      return uploads.get(String(inputs["image"])) ?? { width: 64, height: 64 };
    case "ImagePadForOutpaint": {
      const { width, height } = from("image");
      return { width: width + number("left") + number("right"), height: height + number("top") + number("bottom") };
    }
    case "LatentUpscaleBy":
      return times(from("samples"), number("scale_by"));
    case "ImageUpscaleWithModel":
      return times(from("image"), 4);
    default: {
      const name = ["latent_image", "destination", "images", "image", "samples", "pixels", "mask"].find((key) =>
        isLink(inputs[key]),
      );
      return name === undefined ? { width: 64, height: 64 } : from(name);
    }
  }
}

/** A small picture that depends on the signature alone. */
export async function paint(signature: string, { width, height }: Size, format: "png" | "jpeg"): Promise<Uint8Array> {
  const seed = Buffer.from(signature.slice(0, 32), "hex");
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = (seed[i % 16]! + ((i * seed[(i >> 4) % 16]!) >> 6)) & 255;
  return encodeImage({ width, height, channels: 3, data }, format);
}
