export { fromConfig } from "./from-config.ts";
export { openai } from "./openai-backend.ts";
export type { ExtraField, OpenAiOptions } from "./openai-options.ts";
