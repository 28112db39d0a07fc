import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import type { GenerationRequest } from "@latentkit/core";
import { invalidField } from "../../invalid-field.ts";
import { type Model, partOf } from "../../models/model.ts";
import { findFile } from "../find-file.ts";
import { ofField } from "../of-field.ts";
import { type EmbeddingFile, readEmbedding, sizeOf, vectorsFor } from "./embedding-file.ts";

/**
 * A request with its textual inversions found, each by its absolute path and with its token; and with those that its prompts call by
 * their names in `folder`, as A1111 (the name alone) and ComfyUI (`embedding:name`) have it.
 *
 * @throws InvalidRequestError naming the one that is not there, is none, or is not as wide as the model's text encoder.
 */
export async function findEmbeddings(
  request: GenerationRequest,
  folder: string | undefined,
  model: Model,
): Promise<GenerationRequest> {
  const kind = { title: "textual inversion", option: "embeddingFolder", folder };
  const named = await Promise.all(
    request.embeddings.map(async ({ model: name, token }, i) => {
      const field = `embeddings[${i}].model`;
      const path = await findFile(name, field, kind);
      const file = await ofField(field, readEmbedding(path));
      checkWidth(file, field, model);
      return { model: path, token: token ?? file.token };
    }),
  );
  const taken = new Map<string, number>();
  for (const [i, { token }] of named.entries()) {
    const before = taken.get(token.toLowerCase());
    if (before !== undefined) {
      const message = `${JSON.stringify(token)} stands for embeddings[${before}] already: give each a token of its own`;
      throw invalidField(`embeddings[${i}].token`, message);
    }
    taken.set(token.toLowerCase(), i);
  }
  const called = await calledIn(request, folder, model, taken);
  return { ...request, embeddings: [...named, ...called] };
}

/** Those of the folder that the prompts call by name. */
async function calledIn(
  request: GenerationRequest,
  folder: string | undefined,
  model: Model,
  taken: ReadonlyMap<string, number>,
) {
  const syntax = "promptSyntax" in request ? request.promptSyntax : undefined;
  if (folder === undefined || syntax === undefined || syntax === "plain") return [];
  const files = await readdir(folder).catch((cause: Error) => {
    throw invalidField("embeddings", `cannot read the embeddingFolder ${folder}: ${cause.message}`, cause);
  });
  const texts = textsOf(request);
  const found: { model: string; token: string }[] = [];
  for (const file of files.filter((name) => extname(name) === ".safetensors").sort()) {
    const token = file.slice(0, -extname(file).length);
    const called = texts.find(({ text }) => calls(text, token, syntax));
    if (called === undefined || taken.has(token.toLowerCase())) continue;
    const path = join(folder, file);
    checkWidth(await ofField(called.field, readEmbedding(path)), called.field, model);
    found.push({ model: path, token });
  }
  return found;
}

function textsOf(request: GenerationRequest): { field: string; text: string }[] {
  const main = (["prompt", "negativePrompt"] as const).map((field) => ({
    field,
    text: (request as Partial<Record<typeof field, string>>)[field] ?? "",
  }));
  const more = request.conditioning.flatMap((entry, i) =>
    entry.kind === "text" ? [{ field: `conditioning[${i}].prompt`, text: entry.prompt }] : [],
  );
  return [...main, ...more];
}

const wordSign = String.raw`[\p{L}\p{N}_]`;

/** Whether a text has an embedding's name as a word of its own; which tokens it is, the tokenizer says. */
function calls(text: string, name: string, syntax: "a1111" | "comfyui"): boolean {
  const escaped = name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  const start = syntax === "comfyui" ? "embedding:" : `(?<!${wordSign})`;
  return new RegExp(`${start}${escaped}(?!${wordSign})`, syntax === "comfyui" ? "u" : "iu").test(text);
}

/** Holds an embedding against the model's text encoders. */
function checkWidth(file: EmbeddingFile, field: string, model: Model): void {
  const encoders = textEncodersOf(model);
  for (const encoder of encoders) {
    const tensor = vectorsFor(file, encoder, encoders);
    const needed = Number(partOf(model, encoder).config.hidden_size ?? 512);
    const has = tensor && sizeOf(tensor).width;
    if (has === needed) continue;
    const { path } = file;
    const what =
      has === undefined
        ? `has ${Object.values(file.vectors)
            .map(({ name, shape }) => `${name} of width ${shape.at(-1)}`)
            .join(", ")}`
        : `is ${has} wide`;
    const which =
      encoders.length === 1
        ? "text encoder"
        : encoder === "textEncoder"
          ? "first text encoder (clip_l)"
          : "second text encoder (clip_g)";
    throw invalidField(
      field,
      `${path} ${what}, and the model's ${which} takes ${needed}: it is of another kind of model`,
    );
  }
}

/** The model's CLIP text encoders, by their parts' names. */
export function textEncodersOf({ parts }: Pick<Model, "parts">): string[] {
  return ["textEncoder", "textEncoder2"].filter((name) => parts[name] !== undefined);
}
