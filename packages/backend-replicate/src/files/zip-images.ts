import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { finished } from "node:stream/promises";
import { type ImageSource, InvalidRequestError, loadImageSource } from "@latentkit/core";
import { Zip, ZipPassThrough } from "fflate";
import { imageType, inspectFile } from "./image-file.ts";

/** One picture to learn from. */
export interface TrainingImage {
  image: ImageSource;
  /** What it shows; trainers read it from a text file of the same name. */
  caption?: string;
}

/** A zip on disk, to be removed when done. */
export interface ZipFile extends AsyncDisposable {
  path: string;
  bytes: number;
  images: number;
}

const pictures = /\.(png|jpe?g|webp)$/i;

/** The pictures of a folder, each with the caption of a `.txt` beside it. */
export async function imagesOfFolder(folder: string): Promise<TrainingImage[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new InvalidRequestError([{ field: "images", message: `there is no such folder: ${folder}` }], { cause });
  });
  const present = new Set(names);
  const found = names.filter((name) => pictures.test(name)).sort();
  return Promise.all(
    found.map(async (name) => {
      const text = name.replace(pictures, ".txt");
      const image = { path: join(folder, name) };
      if (!present.has(text)) return { image };
      const caption = Buffer.from(await loadImageSource({ path: join(folder, text) }))
        .toString("utf8")
        .trim();
      return { image, caption };
    }),
  );
}

/**
 * Zips pictures and captions into a temporary file, one after another, never all in memory.
 *
 * @throws InvalidRequestError or ImageError naming the picture that is missing or is none.
 */
export async function zipImages(images: readonly TrainingImage[], signal: AbortSignal): Promise<ZipFile> {
  if (images.length === 0)
    throw new InvalidRequestError([{ field: "images", message: "at least one picture is needed" }]);
  const folder = await mkdtemp(join(tmpdir(), "latentkit-training-"));
  const path = join(folder, "images.zip");
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await writeZip(path, images, signal);
    const { size } = await stat(path);
    return { path, bytes: size, images: images.length, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function writeZip(path: string, images: readonly TrainingImage[], signal: AbortSignal): Promise<void> {
  const out = createWriteStream(path);
  const zip = new Zip((error, chunk, final) => {
    if (error !== null) out.destroy(error);
    else out.write(chunk);
    if (final) out.end();
  });
  const drained = () =>
    out.writableNeedDrain ? new Promise<void>((resolve) => out.once("drain", () => resolve())) : undefined;
  for (const [i, { image, caption }] of images.entries()) {
    signal.throwIfAborted();
    const field = `images[${i}]`;
    const name = String(i + 1).padStart(4, "0");
    if ("path" in image && image.sha256 === undefined) {
      await inspectFile(image.path, field);
      const entry = add(zip, `${name}${extname(image.path).toLowerCase() || ".png"}`);
      for await (const chunk of createReadStream(image.path)) {
        entry.push(chunk as Buffer);
        await drained();
      }
      entry.push(new Uint8Array(), true);
    } else {
      const bytes = await loadImageSource(image, { field, signal });
      const extension = imageType(bytes, field).replace("image/", "").replace("jpeg", "jpg");
      add(zip, `${name}.${extension}`).push(bytes, true);
      await drained();
    }
    if (caption !== undefined) add(zip, `${name}.txt`).push(Buffer.from(caption), true);
  }
  zip.end();
  await finished(out);
}

/** Pictures are compressed already: they are stored as they are. */
function add(zip: Zip, name: string): ZipPassThrough {
  const entry = new ZipPassThrough(name);
  zip.add(entry);
  return entry;
}
