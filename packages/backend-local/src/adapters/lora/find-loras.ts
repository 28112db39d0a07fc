import { type GenerationRequest, takeLoraTags } from "@latentkit/core";
import { invalidField } from "../../invalid-field.ts";
import { findFile } from "../find-file.ts";
import { ofField } from "../of-field.ts";
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
      const model = await findFile(lora.model, field, { title: "LoRA", option: "loraFolder", folder });
      await ofField(field, readLora(model));
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
  if (unknown) throw invalidField("prompt", `${unknown.value}: only <lora:name:strength> is understood`);
  return { ...request, prompt, loras: [...request.loras, ...loras] };
}
