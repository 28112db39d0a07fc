import { extname } from "node:path";
import { ImageError } from "../errors/image-error.ts";
import { saveFile } from "../image/save-file.ts";
import { toSafetensors } from "./safetensors-bytes.ts";

/** The tensor's name in the files that are written here. */
const tensorName = "latents";

/** A latent as plain data, the way a backend hands it over. */
export interface LatentPayload {
  /** `[channels, height, width]`. */
  shape: readonly [channels: number, height: number, width: number];
  /** Little-endian float32 values, row by row. */
  base64: string;
}

/**
 * What sampling left: the latent a picture was decoded from, or with `endStep` the one that a further request goes on with. In the
 * network's own scale, as diffusers' `output_type="latent"`: the VAE's latent times its scaling factor.
 */
export class GeneratedLatent {
  /** `[channels, height, width]`. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** The values, row by row, channel after channel. */
  readonly data: Float32Array;

  constructor({ shape, base64 }: LatentPayload) {
    this.shape = shape;
    // A copy: a view of a Buffer's memory may not lie at a multiple of 4 bytes.
    this.data = new Float32Array(Uint8Array.from(Buffer.from(base64, "base64")).buffer);
  }

  /** The latent as a safetensors file with one float32 tensor, `latents`, of shape `[1, channels, height, width]`. */
  bytes(): Uint8Array {
    return toSafetensors(tensorName, [1, ...this.shape], this.data);
  }

  /**
   * Writes {@link bytes} to a `.safetensors` file, making folders as needed.
   *
   * @returns the path.
   * @throws ImageError for another extension, or when the file cannot be written.
   */
  async save(path: string): Promise<string> {
    if (extname(path).toLowerCase() !== ".safetensors")
      throw new ImageError(`Cannot save a latent as "${extname(path)}": use .safetensors.`, {
        details: { file: path },
      });
    try {
      await saveFile(path, this.bytes());
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code ?? "unknown reason";
      throw new ImageError(`The file cannot be written: ${path} (${why}).`, { cause, details: { file: path } });
    }
    return path;
  }
}
