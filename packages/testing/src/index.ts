export type { BackendSetup, CaseName, SuiteOptions } from "./conformance/backend-setup.ts";
export { collect, eventually, until } from "./conformance/collect.ts";
export { describeBackend } from "./conformance/describe-backend.ts";
export { type MemoryBackend, type MemoryBackendOptions, memoryBackend } from "./fakes/memory-backend.ts";
