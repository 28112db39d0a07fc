import { stat } from "node:fs/promises";
import { extname, isAbsolute, join, resolve, sep } from "node:path";
import { type GenerationRequest, InvalidRequestError, ModelError, takeLoraTags } from "@latentkit/core";
import { readLora } from "./lora-file.ts";

/**
 * A request with its LoRAs' files found, each by its absolute path, and with those that A1111's prompts name
 * (`<lora:name:0.8>`, with `promptSyntax: "a1111"`) among them. A name alone is one of `folder`.
 *
 * @throws InvalidRequestError naming the LoRA that is not there, or is none.
 */
export async function findLoras(request: GenerationRequest, folder: string | undefined): Promise<GenerationRequest> {
  const tagged = withTagged(request);
  const loras = await Promise.all(
    tagged.loras.map(async (lora, i) => {
      const field = i < request.loras.length ? `loras[${i}].model` : "prompt";
      const model = await fileOf(lora.model, folder, field);
      try {
        await readLora(model);
      } catch (error) {
        if (!ModelError.isInstance(error)) throw error;
        throw invalid(field, error.message, error);
      }
      return { ...lora, model };
    }),
  );
  return { ...tagged, loras };
}

/** The request with the LoRAs of its prompt's tags, which are then no part of the prompt. */
function withTagged(request: GenerationRequest): GenerationRequest {
  if (!("promptSyntax" in request) || request.promptSyntax !== "a1111" || !request.prompt) return request;
  const { prompt, loras, notes } = takeLoraTags(request.prompt);
  const [unknown] = notes;
  if (unknown) throw invalid("prompt", `${unknown.value}: only <lora:name:strength> is understood`);
  return { ...request, prompt, loras: [...request.loras, ...loras] };
}

async function fileOf(name: string, folder: string | undefined, field: string): Promise<string> {
  const isPath = isAbsolute(name) || name.includes("/") || name.includes(sep) || extname(name) === ".safetensors";
  const inFolder = folder === undefined ? [] : [join(folder, name), join(folder, `${name}.safetensors`)];
  const candidates = [...(isPath ? [name] : []), ...inFolder].map((path) => resolve(path));
  for (const path of candidates) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return path;
  }
  const where =
    candidates.length === 0 ? "name its file, or give local() a loraFolder" : `looked for ${candidates.join(", ")}`;
  throw invalid(field, `there is no LoRA ${JSON.stringify(name.slice(0, 200))}: ${where}`);
}

function invalid(field: string, message: string, cause?: unknown): InvalidRequestError {
  return new InvalidRequestError([{ field, message }], { backend: "local", cause });
}
