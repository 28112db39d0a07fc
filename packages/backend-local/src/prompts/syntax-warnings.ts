import type { PromptSyntax, WarningEvent } from "@latentkit/core";
import { clip } from "../files/quote.ts";
import { wholeWord } from "./python-text.ts";
import type { TextGroup } from "./steering.ts";

/** What has a meaning in A1111's or ComfyUI's prompts. */
const signs = new RegExp(String.raw`\([^()]*\)|\[[^[\]]*\]|${wholeWord("BREAK")}`, "u");
const lora = /<(?:lora|lyco|hypernet):[^<>]*>/;

/** Signs in texts that the request's syntax leaves as they are, though another would not. */
export function syntaxWarnings(syntax: PromptSyntax, groups: readonly TextGroup[]): WarningEvent[] {
  return groups.flatMap(({ field, texts }): WarningEvent[] => {
    const text = texts.join("\n");
    const found = syntax === "plain" ? signs.exec(text)?.[0] : undefined;
    const network = lora.exec(text)?.[0];
    const messages = [
      found &&
        `"${clip(found)}" is read as it stands: give promptSyntax "a1111" or "comfyui" if it is a weight or a break`,
      network && `"${clip(network)}" is read as it stands: name a LoRA in the request's loras`,
    ].filter((message) => message !== undefined);
    return messages.map((message) => ({
      type: "warning",
      code: "prompt_syntax",
      field,
      message: `${field}: ${message}`,
    }));
  });
}
