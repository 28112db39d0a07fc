import { InvalidRequestError } from "@latentkit/core";
import { FormData } from "undici";
import { comfyDetails, notComfyError, statusError } from "../comfy-error.ts";
import type { Graph, InputValue } from "../graph/graph.ts";
import type { ComfyHttp } from "../http/comfy-http.ts";
import { type LocalImage, uploadFolder } from "../plan/load-images.ts";
import { abortable } from "./abortable.ts";

/** Puts input images into the server's input folder, each content once. */
export class Uploads {
  readonly #http: ComfyHttp;
  /** The server's name by our name, which is made from the content's hash. */
  readonly #done = new Map<string, Promise<string>>();

  constructor(http: ComfyHttp) {
    this.#http = http;
  }

  /**
   * Uploads what has not been uploaded yet.
   *
   * @returns the server's name by ours: they differ where the server renamed a file.
   * @throws InvalidRequestError when the server finds a file too large.
   */
  async send(images: Iterable<LocalImage>, signal: AbortSignal): Promise<Map<string, string>> {
    const names = new Map<string, string>();
    for (const image of images) {
      let sent = this.#done.get(image.name);
      if (sent === undefined) {
        sent = this.#upload(image);
        this.#done.set(image.name, sent);
        sent.catch(() => this.#done.delete(image.name));
      }
      names.set(image.name, await abortable(sent, signal));
    }
    return names;
  }

  /** Forgets what was sent: the server's input folder may have been emptied. */
  forget(): void {
    this.#done.clear();
  }

  async #upload({ field, name, bytes, mediaType }: LocalImage): Promise<string> {
    const form = new FormData();
    const [, file = name] = name.split("/");
    form.set("image", new Blob([Buffer.from(bytes)], { type: mediaType }), file);
    form.set("subfolder", uploadFolder);
    form.set("type", "input");
    form.set("overwrite", "true");
    // The name is of the content, and what is there is replaced.
    const call = { form, isSafe: true };
    const reply = await this.#http.patiently(() => this.#http.send("POST", "/upload/image", call));
    const text = reply.body.toString("utf8");
    if (reply.status === 413) {
      const message = `the file has ${bytes.length} bytes, more than the server takes (HTTP 413; see ComfyUI's --max-upload-size)`;
      throw new InvalidRequestError([{ field, message }], comfyDetails());
    }
    if (reply.status !== 200) throw statusError(reply.status, text, `upload of ${field}`);
    const { name: stored, subfolder } = readJson(text) ?? {};
    if (typeof stored !== "string") throw notComfyError(this.#http.url, "/upload/image did not answer with a name");
    return subfolder ? `${subfolder}/${stored}` : stored;
  }
}

function readJson(text: string): { name?: unknown; subfolder?: string } | null | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A copy of a graph with the server's names for our images, wherever ours stand. */
export function withServerNames(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  if (names.size === 0) return graph;
  const rename = (value: InputValue) => (typeof value === "string" ? (names.get(value) ?? value) : value);
  return Object.fromEntries(
    Object.entries(graph).map(([id, node]) => {
      const inputs = Object.entries(node.inputs).map(([name, value]) => [name, rename(value)]);
      return [id, { ...node, inputs: Object.fromEntries(inputs) }];
    }),
  );
}
