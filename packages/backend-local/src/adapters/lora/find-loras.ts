import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { type GenerationRequest, takeLoraTags } from "@latentkit/core";
import { invalidField } from "../../invalid-field.ts";
import { findFile } from "../find-file.ts";
import { ofField } from "../of-field.ts";
import { readLora } from "./lora-file.ts";

/**
 * A request with its LoRAs' files found, each by its absolute path, and with those that A1111's prompts name
 * (`<lora:name:0.8>`, with `promptSyntax: "a1111"`) among them. A name alone is one of `folder`; a prompt, which may be a stranger's, has
 * names alone.
 *
 * @throws InvalidRequestError naming the LoRA that is not there, or is none.
 */
export async function findLoras(request: GenerationRequest, folder: string | undefined): Promise<GenerationRequest> {
  const tagged = withTagged(request);
  const loras = await Promise.all(
    tagged.loras.map(async (lora, i) => {
      const isNamed = i < request.loras.length;
      const field = isNamed ? `loras[${i}].model` : "prompt";
      const model = isNamed
        ? await findFile(lora.model, field, { title: "LoRA", option: "loraFolder", folder })
        : await findTagged(lora.model, folder);
      await ofField(field, readLora(model));
      return { ...lora, model };
    }),
  );
  return { ...tagged, loras };
}

/** As many LoRAs may one prompt name. */
const mostTagged = 32;

/** The file that a prompt's tag names, in the folder and nowhere else. The error tells nothing of what lies on the disk. */
async function findTagged(name: string, folder: string | undefined): Promise<string> {
  const path = folder === undefined ? undefined : resolve(folder, `${name.replace(/\.safetensors$/, "")}.safetensors`);
  const isName = !/[\\/:]/.test(name);
  if (path !== undefined && isName && (await stat(path).catch(() => undefined))?.isFile()) return path;
  const where =
    folder === undefined ? "give local() a loraFolder" : "a tag names a file of the loraFolder, without a path";
  throw invalidField("prompt", `there is no LoRA ${JSON.stringify(name.slice(0, 200))}: ${where}`);
}

/** The request with the LoRAs of its prompt's tags, which are then no part of the prompt. */
function withTagged(request: GenerationRequest): GenerationRequest {
  if (!("promptSyntax" in request) || request.promptSyntax !== "a1111" || !request.prompt) return request;
  const { prompt, loras, notes } = takeLoraTags(request.prompt);
  const [unknown] = notes;
  if (loras.length > mostTagged)
    throw invalidField("prompt", `names ${loras.length} LoRAs; at most ${mostTagged} are taken`);
  if (unknown) throw invalidField("prompt", `${unknown.value}: only <lora:name:strength> is understood`);
  return { ...request, prompt, loras: [...request.loras, ...loras] };
}
