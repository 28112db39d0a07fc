import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ImageError } from "../errors/image-error.ts";
import type { GeneratedImage } from "../image/generated-image.ts";
import type { ImageFormat } from "../request/shared-fields.ts";
import type { BatchFile } from "./manifest.ts";

const endings: Readonly<Record<ImageFormat, string>> = { png: ".png", jpeg: ".jpg", webp: ".webp" };

/** The file of one of an item's pictures. */
export function fileNameOf(stem: string, index: number, count: number, format: ImageFormat): string {
  return `${stem}${count > 1 ? `-${index}` : ""}${endings[format]}`;
}

/**
 * Writes an item's pictures, each under another name first, so that a file that is there is whole.
 *
 * @throws ImageError when one cannot be written, as on a full disk.
 */
export async function writePictures(
  images: readonly GeneratedImage[],
  stem: string,
  count: number,
): Promise<BatchFile[]> {
  const files: BatchFile[] = [];
  for (const image of images) {
    const path = fileNameOf(stem, image.index, count, image.recipe.request.output.format);
    await writeWhole(path, await image.bytes());
    files.push({ path, ...(image.seed === undefined ? {} : { seed: image.seed }) });
  }
  return files;
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  // One batch at a time writes here: what a killed one left under this name is written over.
  const temporary = `${path}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown reason";
    throw new ImageError(`The file cannot be written: ${path} (${why}).`, { cause, details: { file: path } });
  }
}
