export { type ComfyBackend, comfy } from "./comfy-backend.ts";
export type { ComfyOptions, Family } from "./comfy-options.ts";
export type { ComfyHandle } from "./finish.ts";
export { fromConfig } from "./from-config.ts";
export type { Graph, GraphNode, InputValue, Link } from "./graph/graph.ts";
export type { InpaintMode } from "./graph/plan.ts";
export type { ComfyRequestOptions } from "./plan/request-options.ts";
export { type ComfyPool, type ComfyPoolOptions, comfyPool } from "./pool/comfy-pool.ts";
export type { ServerHealth } from "./pool/pool-member.ts";
export type { ComfyServer } from "./server/comfy-server.ts";
export type { InputSpec } from "./server/input-spec.ts";
export type { NodeSpec, ObjectInfo } from "./server/object-info.ts";
export type { ConvertedWorkflow } from "./workflow/converted-workflow.ts";
export {
  defineWorkflow,
  type OutputSpec,
  type OutputSpecs,
  type OutputValues,
  type Workflow,
} from "./workflow/define-workflow.ts";
export {
  inputNamed,
  inspectWorkflow,
  type WorkflowInput,
  type WorkflowInspection,
} from "./workflow/inspect-workflow.ts";
export { generateNodeTypes, type NodeTypesOptions } from "./workflow/node-types.ts";
export type { ParameterSpec, ParameterSpecs, ParameterValues, Target } from "./workflow/parameters.ts";
export { parseWorkflow, stringifyWorkflow } from "./workflow/parse-workflow.ts";
export type { RunOptions, WorkflowResult } from "./workflow/run-workflow.ts";
export { type NodeLink, type NodeTypes, type TypedGraph, typedGraph } from "./workflow/typed-graph.ts";
export { type ConvertOptions, uiToApi } from "./workflow/ui-to-api.ts";
export type { UiWorkflow } from "./workflow/ui-workflow.ts";
export type { WorkflowFile } from "./workflow/workflow-file.ts";
export { generateWorkflowFunction, type WorkflowTypesOptions } from "./workflow/workflow-types.ts";
