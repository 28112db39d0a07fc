export { type ComponentInfo, inspectModel, type ModelInfo } from "./inspect-model.ts";
export { fromConfig, local } from "./local.ts";
export type { LocalBackend } from "./local-backend.ts";
export { type ExecutionProvider, executionProviders, type LocalOptions } from "./local-options.ts";
export type { ModelDefaults } from "./model/model-defaults.ts";
