import { openAsBlob } from "node:fs";
import {
  type CallInputs,
  checkInputUrl,
  type ImageSource,
  InvalidRequestError,
  loadImageSource,
} from "@latentkit/core";
import { FormData } from "undici";
import * as z from "zod";
import { FileSchema } from "../api/file.ts";
import type { ReplicateHttp } from "../http/replicate-http.ts";
import { FileSlot } from "./file-slot.ts";
import { checkHash, imageType, inspectFile } from "./image-file.ts";

/** Sizes that decide how an input file travels. */
export interface UploadLimits {
  /** Larger files go through the files API, smaller ones as data URLs. Replicate advises 256 kB. */
  dataUrlBytes: number;
  /** Larger files are refused before anything is sent. */
  maxBytes: number;
}

/** What a file becomes in an input, and its id where it was uploaded. */
interface Placed {
  value: string;
  id?: string;
}

/** Puts input files where a prediction can read them. */
export class Uploads {
  readonly #http: ReplicateHttp | undefined;
  readonly #limits: UploadLimits;

  /** Without `http` every file travels as a data URL: a Cog server has no files API. */
  constructor(http: ReplicateHttp | undefined, limits: UploadLimits) {
    this.#http = http;
    this.#limits = limits;
  }

  /** Whether an input holds files that are to be placed. */
  static needed(input: Readonly<Record<string, unknown>>): boolean {
    return Object.values(input).some((value) => [value].flat().some((entry) => entry instanceof FileSlot));
  }

  /**
   * An input with every file in its place. The same source is uploaded once.
   *
   * @returns the input, and the ids of what was uploaded, for {@link remove}.
   */
  async place(input: Readonly<Record<string, unknown>>, signal: AbortSignal, inputs: CallInputs = {}) {
    const placed = new Map<string, Promise<Placed>>();
    const placeOne = (slot: FileSlot): Promise<Placed> => {
      const key = slot.transform === undefined ? JSON.stringify(slot.source) : undefined;
      const known = key === undefined ? undefined : placed.get(key);
      const placing = known ?? this.#place(slot, signal, inputs);
      placed.set(key ?? `${placed.size}`, placing);
      return placing;
    };
    const replace = async (value: unknown): Promise<unknown> => {
      if (Array.isArray(value)) return Promise.all(value.map(replace));
      return value instanceof FileSlot ? (await placeOne(value)).value : value;
    };
    try {
      const entries = await Promise.all(
        Object.entries(input).map(async ([name, value]) => [name, await replace(value)]),
      );
      const files = await Promise.all(placed.values());
      return {
        input: Object.fromEntries(entries) as Record<string, unknown>,
        files: files.flatMap(({ id }) => id ?? []),
      };
    } catch (error) {
      const done = await Promise.allSettled(placed.values());
      await this.remove(done.flatMap((each) => (each.status === "fulfilled" ? (each.value.id ?? []) : [])));
      throw error;
    }
  }

  /** Deletes uploaded files; what cannot be deleted expires by itself within a day. */
  async remove(ids: readonly string[]): Promise<void> {
    await Promise.allSettled(
      ids.map((id) =>
        this.#http?.call({ method: "DELETE", path: `/files/${encodeURIComponent(id)}`, schema: z.unknown() }),
      ),
    );
  }

  /** Uploads a blob: from disk it is streamed, not read into memory. */
  async upload(blob: Blob, name: string, signal: AbortSignal): Promise<{ id: string; url: string }> {
    const body = new FormData();
    body.append("content", blob, name);
    const { id, urls } = await this.#http!.call({ method: "POST", path: "/files", body, schema: FileSchema, signal });
    return { id, url: urls.get };
  }

  async #place(slot: FileSlot, signal: AbortSignal, inputs: CallInputs): Promise<Placed> {
    const { source, field, transform } = slot;
    // A public URL is the server's to fetch; a promised hash means that we must look at the bytes first.
    if ("url" in source && source.sha256 === undefined && transform === undefined) {
      await checkInputUrl(source.url, { ...inputs, field });
      return { value: source.url };
    }
    if ("path" in source && transform === undefined) return this.#placePath(source, field, signal);
    const maxBytes = Math.min(this.#limits.maxBytes, inputs.maxBytes ?? Number.POSITIVE_INFINITY);
    const loaded = await loadImageSource(source, { ...inputs, field, signal, maxBytes });
    const bytes = transform === undefined ? loaded : await transform(loaded, signal, inputs);
    this.#check(bytes.length, field);
    const type = imageType(bytes, field);
    if (bytes.length <= this.#limits.dataUrlBytes || this.#http === undefined) return { value: dataUrl(bytes, type) };
    const { id, url } = await this.upload(new Blob([bytes as Uint8Array<ArrayBuffer>], { type }), nameOf(type), signal);
    return { value: url, id };
  }

  async #placePath(
    source: Extract<ImageSource, { path: string }>,
    field: string,
    signal: AbortSignal,
  ): Promise<Placed> {
    const { bytes, mediaType } = await inspectFile(source.path, field);
    this.#check(bytes, field);
    if (bytes <= this.#limits.dataUrlBytes || this.#http === undefined)
      return { value: dataUrl(await loadImageSource(source, { field, signal }), mediaType) };
    await checkHash(source, field);
    const { id, url } = await this.upload(
      await openAsBlob(source.path, { type: mediaType }),
      nameOf(mediaType),
      signal,
    );
    return { value: url, id };
  }

  #check(bytes: number, field: string): void {
    const { maxBytes } = this.#limits;
    if (bytes > maxBytes)
      throw new InvalidRequestError([
        { field, message: `the file has ${bytes} bytes; at most ${maxBytes} are taken`, allowed: { max: maxBytes } },
      ]);
  }
}

function dataUrl(bytes: Uint8Array, mediaType: string): string {
  return `data:${mediaType};base64,${Buffer.from(bytes).toString("base64")}`;
}

function nameOf(mediaType: string): string {
  return `input.${mediaType.replace(/^image\//, "").replace(/\+.*$/, "")}`;
}
