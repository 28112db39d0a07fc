import { parseRequest } from "@latentkit/core";
import { plannedControls } from "./adapters/control/read-controls.ts";
import { invalidField } from "./invalid-field.ts";
import { type LocalOptions, parseLocalOptions } from "./local-options.ts";
import { ModelLibrary } from "./models/model-library.ts";
import type { MemoryPlan } from "./pipeline/plan-memory.ts";

/** What {@link planModel} is asked about. */
export interface PlanModelOptions
  extends Pick<LocalOptions, "parts" | "variant" | "previewVae" | "maxMemory" | "controlNets"> {
  /** Size in pixels. Default: what the model was trained at. */
  width?: number;
  height?: number;
}

/**
 * How a text-to-image request of a size would be laid into this machine's memory on the CPU, or into `maxMemory`: what each network takes in its turn,
 * and the peak of it. Reads configs and headers, and loads no model.
 *
 * @param place as {@link LocalOptions.model}.
 * @throws OutOfMemoryError where it does not fit, with the largest square that would as `details.largestSide`; ModelError, ConfigError,
 * InvalidRequestError as a generation would.
 */
export async function planModel(place: string, options: PlanModelOptions = {}): Promise<MemoryPlan> {
  const { width, height, ...rest } = options;
  const own = parseLocalOptions({ model: place, ...rest });
  const model = await new ModelLibrary(own).find(undefined);
  if (model.traits.atOnce) throw invalidField("model", "it draws no pictures of texts; there is no plan for it");
  const [task] = model.traits.tasks;
  const request = parseRequest({
    ...(task === "unconditional" ? { task, classLabel: 0 } : { prompt: "" }),
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
  });
  // Only needed here: whoever imports the package does not load them.
  const [{ familyJob }, { planMemory }, { loadRuntime }, { multipliesIntegers }] = await Promise.all([
    import("./pipeline/family-job.ts"),
    import("./pipeline/plan-memory.ts"),
    import("./engine/runtime.ts"),
    import("./engine/multiplies-integers.ts"),
  ]);
  const integers = async () => multipliesIntegers(await loadRuntime({ device: "cpu" }));
  // All that are named act at once.
  const controls = await plannedControls(own.controlNets ?? {}, model);
  return planMemory(model, familyJob(request, model, { controls }), { maxMemory: own.maxMemory, integers });
}
