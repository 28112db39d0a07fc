import { probeImage, sha256 } from "@latentkit/core";
import { refuse } from "./http-error.ts";
import type { ResolvedOptions } from "./server-options.ts";

/** A file that a client sent before the request that uses it. */
export interface Upload {
  /** SHA-256 of its bytes, in hex: with `size` it stands in a request where a file does. */
  sha256: string;
  size: number;
  mediaType: string;
  /** Of a picture. */
  width?: number;
  height?: number;
  /** ISO 8601; using it puts this off. */
  expiresAt: string;
}

interface Kept extends Omit<Upload, "expiresAt"> {
  bytes: Uint8Array;
  expires: number;
}

/** Files by who sent them and what is in them. The oldest go first where they are too many. */
export class Uploads {
  readonly #kept = new Map<string, Kept>();
  readonly #options: Pick<ResolvedOptions, "maxUploadBytes" | "resultMs" | "maxInputPixels">;
  #bytes = 0;

  constructor(options: Pick<ResolvedOptions, "maxUploadBytes" | "resultMs" | "maxInputPixels">) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @throws ImageError for a file that is neither a picture within the limits nor a latent; HttpError where it is larger than all that is kept. */
  async add(owner: string, bytes: Uint8Array): Promise<Upload> {
    const { maxUploadBytes, maxInputPixels } = this.#options;
    if (bytes.length > maxUploadBytes)
      throw refuse("too_large", `Uploads of ${maxUploadBytes} bytes are kept at most (maxUploadBytes).`);
    const found = isLatent(bytes)
      ? { mediaType: "application/octet-stream" }
      : await probeImage(bytes, "upload", maxInputPixels).then(({ mediaType, width, height }) => ({
          mediaType,
          width,
          height,
        }));
    const hash = sha256(bytes);
    this.#remove(`${owner}\n${hash}`);
    const kept: Kept = { sha256: hash, size: bytes.length, ...found, bytes, expires: 0 };
    this.#kept.set(`${owner}\n${hash}`, kept);
    this.#bytes += bytes.length;
    this.sweep();
    return this.#touch(`${owner}\n${hash}`, kept);
  }

  /** What is known of an upload, or undefined. */
  find(owner: string, hash: string): Upload | undefined {
    const kept = this.#kept.get(`${owner}\n${hash}`);
    return kept && this.#touch(`${owner}\n${hash}`, kept);
  }

  bytesOf(owner: string, hash: string): Uint8Array | undefined {
    this.find(owner, hash);
    return this.#kept.get(`${owner}\n${hash}`)?.bytes;
  }

  /** Lets go of what is old, or too much. */
  sweep(now = Date.now()): void {
    for (const [key, { expires }] of this.#kept) {
      if (this.#bytes <= this.#options.maxUploadBytes && (expires === 0 || expires > now)) continue;
      if (this.#kept.size > 1 || expires <= now) this.#remove(key);
    }
  }

  #touch(key: string, kept: Kept): Upload {
    kept.expires = Date.now() + this.#options.resultMs;
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const { bytes: _, expires, ...told } = kept;
    return { ...told, expiresAt: new Date(expires).toISOString() };
  }

  #remove(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes.length ?? 0;
    this.#kept.delete(key);
  }
}

/** A safetensors file begins with its header's length and a brace, a NumPy file with its name. */
function isLatent(bytes: Uint8Array): boolean {
  return bytes[8] === 0x7b || (bytes[0] === 0x93 && bytes[1] === 0x4e);
}
