import type { GenerationRequest, PromptSyntax } from "@latentkit/core";

/** How a request's prompts are read: as the server does, unless it asks for less. */
export function syntaxOf(request: GenerationRequest): PromptSyntax {
  return ("promptSyntax" in request ? request.promptSyntax : undefined) ?? "comfyui";
}

/** A prompt as the server is to be sent it: it reads brackets as weights, which in a plain prompt are escaped. */
export function asWritten(prompt: string, request: GenerationRequest): string {
  return syntaxOf(request) === "plain" ? prompt.replace(/[()]/g, "\\$&") : prompt;
}
