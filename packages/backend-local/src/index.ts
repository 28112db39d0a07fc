export type { AdapterInfo } from "./adapters/inspect-adapter.ts";
export type { DeviceName } from "./devices/device-name.ts";
export {
  type DeviceInfo,
  type DevicesInfo,
  type InspectDevicesOptions,
  inspectDevices,
} from "./devices/inspect-devices.ts";
export { findInHubCache, type HubId, hubCacheFolder, hubRepositoryFolder, readHubId } from "./files/hub-cache.ts";
export { fromConfig, local } from "./local.ts";
export type { LocalBackend } from "./local-backend.ts";
export { type ExecutionProvider, executionProviders, type LocalOptions } from "./local-options.ts";
export { type ComponentInfo, inspectModel, type ModelInfo } from "./models/inspect-model.ts";
export type { ModelDefaults } from "./models/model-defaults.ts";
export type { MemoryPlan, PlannedNetwork } from "./pipeline/plan-memory.ts";
export { type PlanModelOptions, planModel } from "./plan-model.ts";
export { type QuantizeFormat, quantizeFormats } from "./quantise/quantise-format.ts";
export { type QuantizedFile, type QuantizeOptions, quantizeModel } from "./quantise/quantize-model.ts";
