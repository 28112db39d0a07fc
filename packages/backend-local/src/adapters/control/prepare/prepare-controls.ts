import type { EngineEvent, EngineJob } from "../../../engine/protocol.ts";
import type { Runtime } from "../../../engine/runtime.ts";
import { learnedControl } from "./learned-control.ts";
import { preparedControls } from "./prepared-controls.ts";

/** Makes the control pictures that are to be made of photos, and shows each. @throws InvalidRequestError for a preprocessor that makes none. */
export async function* prepareControls(
  inputs: EngineJob["inputs"],
  runtime: Runtime,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent, EngineJob["inputs"]> {
  if (!inputs.controls?.some(({ prepare, preprocessor }) => prepare || preprocessor)) return inputs;
  const controls = [];
  for (const input of inputs.controls) {
    signal.throwIfAborted();
    const { prepare, preprocessor, control, field, pixels } = input;
    if (!prepare && preprocessor === undefined) {
      controls.push(input);
      continue;
    }
    const made =
      preprocessor === undefined
        ? preparedControls[control]!(pixels, inputs.mask)
        : { pixels: await learnedControl(input, preprocessor, runtime) };
    yield { type: "control", field, control, pixels: made.pixels };
    controls.push({ ...input, ...made });
  }
  return { ...inputs, controls };
}
