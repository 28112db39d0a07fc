import type { GenerationRequest, Task } from "@latentkit/core";
import type { ModelSchema } from "../model/input-schema.ts";
import type { Role } from "./roles.ts";

/** What a model's sampler input stands for, in ComfyUI's words. */
export interface SamplerPair {
  sampler: string;
  scheduler?: string;
}

/** One slot for a ControlNet or LoRA of a model that has several. */
export type SlotNames = Partial<Record<Role, string>>;

/** What is special about a family of models, beside what their schemas tell. */
export interface Family {
  name: string;
  /** Whether a model belongs to it, by its `owner/name` in lower case and its schema. */
  matches(id: string, schema: ModelSchema): boolean;
  /** Input names that go before the common ones; an empty list says that the model has no such input. */
  names?: Partial<Record<Role, readonly string[]>>;
  /** Tasks, where the schema alone misleads. */
  tasks?: readonly Task[];
  /** Values of the sampler input, beside the common ones. */
  samplers?: Readonly<Record<string, SamplerPair>>;
  /** Whether black, not white, is what a mask paints anew. */
  blackMask?: boolean;
  /** What width and height must be, where only the model's description says so. */
  multipleOf?: number;
  /** Further LoRA slots after the first. */
  loraSlots?: readonly SlotNames[];
  /** ControlNet slots, where there are several or the names are unusual. */
  controlSlots?: readonly SlotNames[];
  /** The model's word for each of our control types. */
  controlTypes?: Readonly<Record<string, string>>;
  /** The one control that the model is made for. */
  control?(id: string): string | undefined;
  /** Inputs that follow from others, such as a switch that makes width and height count. */
  complete?(input: Record<string, unknown>, request: GenerationRequest, schema: ModelSchema): Record<string, unknown>;
}
