import type { TransformerControls } from "../../adapters/control/transformer-controls.ts";
import type { Runtime } from "../../engine/runtime.ts";
import type { Steering } from "../../prompts/steering.ts";
import type { Denoiser } from "../family.ts";
import type { Condition } from "./steered-passes.ts";
import { toFeeds } from "./transformer-passes.ts";

/** What ControlNets are run beside. */
export interface ControlledStepsOptions {
  runtime: Runtime;
  steering: Steering;
  controls: TransformerControls | undefined;
  /** What they see of a step, with the texts of one of the steering's rows. */
  seen(latent: Float32Array, timestep: number, row: number): Condition;
}

/**
 * Steps that ControlNets act in, each run once a step, with the prompt, whatever passes there are; a pass then finds what they made as the
 * controls' `last`. Without controls, the steps as they are.
 */
export function controlledSteps(
  predict: Denoiser["predict"],
  { runtime, steering, controls, seen }: ControlledStepsOptions,
): Denoiser["predict"] {
  if (controls === undefined) return predict;
  return async (latent, timestep, index, passes, drawn) => {
    const [main] = steering.at(passes.call, index).conds;
    await controls.added(index, toFeeds(runtime, seen(latent, timestep, main!.row)), drawn!);
    return predict(latent, timestep, index, passes, drawn);
  };
}
