import { ImageError, saveFile } from "@latentkit/core";
import { comfyDetails } from "../comfy-error.ts";

/** A file that a workflow made: brought only when asked for. */
export class WorkflowFile {
  /** Its name on the server; made up for a picture that came over the socket. */
  readonly filename: string;
  /** Where it lies; undefined for a picture that came over the socket. */
  readonly url: string | undefined;
  readonly #load: () => Promise<Uint8Array>;
  #bytes: Promise<Uint8Array> | undefined;

  constructor(filename: string, url: string | undefined, load: () => Promise<Uint8Array>) {
    this.filename = filename;
    this.url = url;
    this.#load = load;
  }

  /** The whole file. @throws NotFoundError when the server no longer has it, ConnectionError when it is out of reach. */
  bytes(): Promise<Uint8Array> {
    this.#bytes ??= this.#load().catch((error: unknown) => {
      this.#bytes = undefined;
      throw error;
    });
    return this.#bytes;
  }

  /**
   * Writes the file as it is, whole or not at all, making folders as needed. @returns the path. @throws ImageError when it cannot be written.
   */
  async save(path: string): Promise<string> {
    const bytes = await this.bytes();
    try {
      await saveFile(path, bytes);
    } catch (cause) {
      throw new ImageError(`The file cannot be written: ${path}.`, comfyDetails({ cause, details: { file: path } }));
    }
    return path;
  }
}
