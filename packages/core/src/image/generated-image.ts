import { extname } from "node:path";
import type { Backend } from "../backend.ts";
import { ImageError } from "../errors/image-error.ts";
import type { ImagePayload } from "../image-payload.ts";
import type { GeneratedLatent } from "../latent/latent.ts";
import { isPng } from "../png/chunks.ts";
import { withSize } from "../recipe/observed-size.ts";
import { embedRecipe } from "../recipe/png-recipe.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { ImageFormat } from "../request/shared-fields.ts";
import { fromBase64 } from "./base64.ts";
import { decodeImage, encodeImage, type Pixels, probeImage } from "./codec.ts";
import {
  type Bytes,
  type FileOptions,
  type ImageFile,
  mediaTypeOf,
  ownBytes,
  type ResponseOptions,
  toDataUrl,
  toFileResponse,
} from "./image-file.ts";
import { maxOutputPixels } from "./input-limits.ts";
import { saveFile } from "./save-file.ts";

/** Recognises a picture of another copy of this package. */
const marker = Symbol.for("latentkit.image");

const formatOfExtension: Readonly<Record<string, ImageFormat>> = {
  ".png": "png",
  ".jpg": "jpeg",
  ".jpeg": "jpeg",
  ".webp": "webp",
};

/** A finished picture. Nothing is decoded, encoded or downloaded until it is asked for. */
export class GeneratedImage implements ImageFile {
  /** Whether a value is a generated picture, of whatever copy of this package. */
  static isInstance(value: unknown): value is GeneratedImage {
    return typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[marker] === true;
  }

  readonly [marker] = true;
  /** Position among `count`, from 0. */
  readonly index: number;
  /** The seed of this picture: a number, or decimal digits beyond 2^53. */
  readonly seed: number | string | undefined;
  /** Where the picture lies, for one that a server holds. */
  readonly url: string | undefined;
  /** The latent that sampling left, where the request's `output.latent` asks for it. */
  readonly latent: GeneratedLatent | undefined;
  readonly #payload: ImagePayload;
  #recipe: Recipe;
  readonly #backend: Backend | undefined;
  #file: Promise<Uint8Array> | undefined;
  #pixels: Promise<Pixels> | undefined;
  #knownSize: { width: number; height: number } | undefined;

  constructor(fields: {
    index: number;
    seed?: number | string;
    recipe: Recipe;
    payload: ImagePayload;
    latent?: GeneratedLatent;
    backend?: Backend;
  }) {
    this.index = fields.index;
    this.seed = fields.seed;
    this.#recipe = fields.recipe;
    this.url = fields.payload.kind === "url" ? fields.payload.url : undefined;
    this.latent = fields.latent;
    this.#payload = fields.payload;
    this.#backend = fields.backend;
    const { payload } = fields;
    if (payload.kind !== "encoded" && payload.width !== undefined && payload.height !== undefined)
      this.#knownSize = { width: payload.width, height: payload.height };
  }

  /**
   * The recipe of this picture alone (`count` 1, its own seed). One that lies on a server whose size nobody told has its width and height
   * here once it has been fetched.
   */
  get recipe(): Recipe {
    return this.#recipe;
  }

  /** Width and height, where they are known without fetching anything. */
  get knownSize(): { width: number; height: number } | undefined {
    return this.#knownSize;
  }

  /** Media type of `bytes()` when no format is named: the one that the request asked for. */
  get mediaType(): string {
    return mediaTypeOf(this.recipe.request.output.format);
  }

  /** Decoded samples, `[height, width, channels]`. */
  pixels(): Promise<Pixels> {
    this.#pixels ??= this.#decode().catch((error: unknown) => {
      this.#pixels = undefined;
      throw error;
    });
    return this.#pixels;
  }

  /**
   * The picture as a file. A PNG carries the recipe unless the request said `embedRecipe: false`.
   *
   * @throws ImageError when it cannot be encoded, ConnectionError or NotFoundError when a server no longer gives it.
   */
  async bytes(format: ImageFormat = this.recipe.request.output.format, options: FileOptions = {}): Promise<Bytes> {
    const { quality, embedRecipe: embeds } = this.recipe.request.output;
    const asMade = this.#payload.kind === "pixels" ? undefined : await this.#asMade();
    const fits =
      asMade !== undefined &&
      (format === "png"
        ? isPng(asMade)
        : (await probeImage(asMade, "generated image", maxOutputPixels)).mediaType === mediaTypeOf(format));
    await this.size();
    const file = fits ? asMade : await encodeImage(await this.pixels(), format, options.quality ?? quality);
    return ownBytes(format === "png" && (options.embedRecipe ?? embeds) ? embedRecipe(file, this.recipe) : file);
  }

  /** The picture as a `Blob` with its media type. @throws as {@link bytes} does. */
  async blob(format: ImageFormat = this.recipe.request.output.format, options?: FileOptions): Promise<Blob> {
    return new Blob([await this.bytes(format, options)], { type: mediaTypeOf(format) });
  }

  /**
   * The picture as a web `Response` with its media type and length, for a route of Next, Hono, Bun, Deno or a worker.
   *
   * @throws as {@link bytes} does.
   */
  async toResponse(options: ResponseOptions = {}): Promise<Response> {
    const { format = this.recipe.request.output.format } = options;
    return toFileResponse(await this.bytes(format, options), format, options);
  }

  /** Width and height in pixels. */
  async size(): Promise<{ width: number; height: number }> {
    if (this.#payload.kind === "pixels") return { width: this.#payload.width, height: this.#payload.height };
    const { width, height } = await probeImage(await this.#asMade(), "generated image", maxOutputPixels);
    this.#knownSize = { width, height };
    this.#recipe = withSize(this.#recipe, this.#knownSize);
    return { width, height };
  }

  /** A `data:` URL, which an `<img>` or another API takes. @throws as {@link bytes} does. */
  async dataUrl(format: ImageFormat = this.recipe.request.output.format, options?: FileOptions): Promise<string> {
    return toDataUrl(await this.bytes(format, options), format);
  }

  /**
   * Writes the picture to a file, making folders as needed; `.png`, `.jpg`, `.jpeg` or `.webp` decides the format.
   *
   * @returns the path.
   * @throws ImageError for another extension, or when the file cannot be written.
   */
  async save(path: string, options: FileOptions = {}): Promise<string> {
    const extension = extname(path).toLowerCase();
    const format = formatOfExtension[extension];
    if (format === undefined)
      throw new ImageError(`Cannot save as "${extension}": use .png, .jpg, .jpeg or .webp.`, {
        details: { file: path },
      });
    const bytes = await this.bytes(format, options);
    try {
      await saveFile(path, bytes);
    } catch (cause) {
      throw new ImageError(
        `The file cannot be written: ${path} (${(cause as NodeJS.ErrnoException).code ?? "unknown reason"}).`,
        { cause, details: { file: path } },
      );
    }
    return path;
  }

  async #decode(): Promise<Pixels> {
    if (this.#payload.kind !== "pixels")
      return decodeImage(await this.#asMade(), "generated image", { maxPixels: maxOutputPixels });
    const { width, height, channels, base64 } = this.#payload;
    return { width, height, channels, data: fromBase64(base64) };
  }

  /** The file as the backend made it. A failed download is tried anew at the next call. */
  #asMade(): Promise<Uint8Array> {
    this.#file ??= this.#fetch().catch((error: unknown) => {
      this.#file = undefined;
      throw error;
    });
    return this.#file;
  }

  async #fetch(): Promise<Uint8Array> {
    if (this.#payload.kind === "encoded") return fromBase64(this.#payload.base64);
    if (this.#payload.kind === "url" && this.#backend?.fetchImage !== undefined) {
      return this.#backend.fetchImage(this.#payload, { signal: new AbortController().signal });
    }
    throw new ImageError("This backend gave a URL, but cannot fetch it.");
  }
}
