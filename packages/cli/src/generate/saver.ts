import { existsSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { type GeneratedImage, type ImageFormat, saveFile } from "@latentkit/core";
import type { OutputPlan } from "./output-plan.ts";

/** One picture on disk, as `--json` prints it. */
export interface SavedImage {
  path: string;
  seed: number | string | null;
  width: number;
  height: number;
  mediaType: string;
  /** Where its latent was written, where that was asked for. */
  latent?: string;
}

const extensions: Readonly<Record<string, string>> = { png: ".png", jpeg: ".jpg", webp: ".webp" };
const mediaTypes: Readonly<Record<string, string>> = { ".png": "image/png", ".webp": "image/webp" };

/** A picture's latent lies beside it. */
function latentPathOf(path: string): string {
  return `${path.slice(0, -extname(path).length)}.safetensors`;
}

/** Writes pictures where the plan says. */
export class Saver {
  readonly #plan: OutputPlan;
  readonly #saved = new Map<number, SavedImage>();

  constructor(plan: OutputPlan) {
    this.#plan = plan;
  }

  /** What was written so far, by index. */
  get saved(): SavedImage[] {
    return [...this.#saved].sort(([a], [b]) => a - b).map(([, image]) => image);
  }

  /** Whether a picture of this index was written. */
  has(index: number): boolean {
    return this.#saved.has(index);
  }

  /** @throws Error when the picture cannot be brought or written: never a LatentKit error, as the input was not at fault. */
  async save(image: GeneratedImage): Promise<SavedImage> {
    try {
      const path = await this.#write(image);
      const { width, height } = await image.size();
      const mediaType = path === "-" ? image.mediaType : (mediaTypes[extname(path).toLowerCase()] ?? "image/jpeg");
      const latent = await image.latent?.save(latentPathOf(path));
      const saved = { path, seed: image.seed ?? null, width, height, mediaType, ...(latent ? { latent } : {}) };
      this.#saved.set(image.index, saved);
      return saved;
    } catch (cause) {
      throw new Error(cause instanceof Error ? cause.message : String(cause), { cause });
    }
  }

  /** A configuration's own count may bring more pictures than a file's name can hold: they go beside it. */
  #write(image: GeneratedImage): Promise<string> {
    if (this.#plan.kind === "stdout") return this.#pipe(image, this.#plan.stream);
    if (this.#plan.kind === "folder") return this.#saveNew(image, this.#plan);
    const { path } = this.#plan;
    if (this.#saved.size === 0) return image.save(path);
    return this.#saveNew(image, { folder: dirname(path), stem: basename(path, extname(path)) });
  }

  /** A configuration's own count may bring more pictures than standard output takes: the first is written. */
  async #pipe(image: GeneratedImage, stream: NodeJS.WritableStream): Promise<string> {
    if (this.#saved.size > 0) return "-";
    const bytes = await image.bytes();
    await new Promise<void>((resolve, reject) => stream.write(bytes, (error) => (error ? reject(error) : resolve())));
    return "-";
  }

  /** A name that was not asked for must not cost anyone a file: where it is taken, the next number is. */
  async #saveNew(image: GeneratedImage, { folder, stem }: { folder: string; stem: string }): Promise<string> {
    const format = image.mediaType.replace("image/", "") as ImageFormat;
    const bytes = await image.bytes(format);
    for (let attempt = 1; ; attempt++) {
      const suffix = attempt === 1 ? "" : `-${attempt}`;
      const path = join(folder, `${stem}-${image.seed ?? image.index}${suffix}${extensions[format] ?? ".png"}`);
      if (image.latent && existsSync(latentPathOf(path))) continue;
      try {
        await saveFile(path, bytes, { exclusive: true });
        return path;
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException;
        if (code === "EEXIST") continue;
        throw new Error(`The picture cannot be written to ${path} (${code ?? "unknown reason"}).`, { cause });
      }
    }
  }
}
