import { InvalidRequestError } from "@latentkit/core";
import { FormData } from "undici";
import { comfyDetails, statusError } from "../comfy-error.ts";
import type { Graph } from "../graph/graph.ts";
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
    const reply = await this.#http.send("POST", "/upload/image", { form });
    const text = reply.body.toString("utf8");
    if (reply.status === 413) {
      const message = `the file has ${bytes.length} bytes, more than the server takes (HTTP 413; see ComfyUI's --max-upload-size)`;
      throw new InvalidRequestError([{ field, message }], comfyDetails());
    }
    if (reply.status !== 200) throw statusError(reply.status, text, `upload of ${field}`);
    const stored = JSON.parse(text) as { name: string; subfolder?: string };
    return stored.subfolder ? `${stored.subfolder}/${stored.name}` : stored.name;
  }
}

/** Writes the server's names into the nodes that load images. */
export function renameImages(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  for (const node of Object.values(graph)) {
    const given = node.inputs["image"];
    if (typeof given === "string" && names.has(given)) node.inputs["image"] = names.get(given)!;
  }
  return graph;
}
