import type { GenerationRequest, Issue } from "@latentkit/core";
import { resolveName } from "../server/names.ts";

/** Puts textual inversions into prompts the way ComfyUI reads them: a token becomes `embedding:<name>`. */
export function placeEmbeddings(
  request: GenerationRequest,
  known: readonly string[],
  prompts: readonly string[],
): { prompts: string[]; issues: Issue[] } {
  const issues: Issue[] = [];
  let placed = [...prompts];
  for (const [i, { model, token }] of request.embeddings.entries()) {
    const found = resolveName(model, known, `embeddings[${i}].model`, "embedding");
    if ("issue" in found) {
      issues.push(found.issue);
      continue;
    }
    const word =
      token ??
      model
        .split(/[\\/]/)
        .at(-1)!
        .replace(/\.\w+$/, "");
    const written = `embedding:${found.name.replace(/\.(safetensors|pt|bin)$/, "")}`;
    if (!placed.some((prompt) => prompt.includes(word))) {
      const message = `"${word}" stands neither in the prompt nor in the negative prompt, so the embedding would do nothing`;
      issues.push({ field: `embeddings[${i}].token`, message });
    }
    placed = placed.map((prompt) =>
      prompt
        .split(written)
        .map((part) => part.replaceAll(word, written))
        .join(written),
    );
  }
  return { prompts: placed, issues };
}
