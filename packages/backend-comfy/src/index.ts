export { type ComfyBackend, comfy } from "./comfy-backend.ts";
export type { ComfyOptions, Family } from "./comfy-options.ts";
export { fromConfig } from "./from-config.ts";
export type { ComfyHandle } from "./generate.ts";
export type { Graph, GraphNode, InputValue, Link } from "./graph/graph.ts";
export type { InpaintMode } from "./graph/plan.ts";
export type { ComfyRequestOptions } from "./plan/request-options.ts";
export type { ComfyServer } from "./server/comfy-server.ts";
export type { InputSpec, NodeSpec, ObjectInfo } from "./server/object-info.ts";
