export { aiSdk } from "./ai-sdk-backend.ts";
export type { AiSdkModel, AiSdkOptions, ProviderField } from "./ai-sdk-options.ts";
export { fromConfig } from "./from-config.ts";
