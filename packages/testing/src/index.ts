export type { BackendSetup, CaseName, SuiteOptions } from "./conformance/backend-setup.ts";
export { collect, eventually, until } from "./conformance/collect.ts";
export { describeBackend } from "./conformance/describe-backend.ts";
export { FakeComfy, type FakeComfyOptions, type SeenRequest } from "./fakes/comfy/fake-comfy.ts";
export { ipAdapterNodes } from "./fakes/comfy/nodes.ts";
export type { Prompt as FakePrompt } from "./fakes/comfy/prompt.ts";
export { bareImage } from "./fakes/comfy/sockets.ts";
export { type MemoryBackend, type MemoryBackendOptions, memoryBackend } from "./fakes/memory-backend.ts";
