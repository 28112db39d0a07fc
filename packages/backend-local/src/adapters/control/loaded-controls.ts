import type { Tensor } from "onnxruntime-node";
import type { Network } from "../../engine/network.ts";
import type { FamilyJob, OpenModel } from "../../families/family.ts";
import type { Weights } from "../../files/weights.ts";
import { stampOf } from "../../models/model-hash.ts";
import { buildControlHint } from "../../networks/controlnet/control-hint.ts";
import { buildControlNet } from "../../networks/controlnet/controlnet.ts";
import type { NetworkGraph } from "../../networks/network-graph.ts";
import { buildT2IAdapter } from "../../networks/t2i-adapter/t2i-adapter.ts";
import { ofField } from "../of-field.ts";
import type { ControlInput } from "./control-input.ts";
import { type ControlSource, openControl } from "./control-source.ts";

/** A control's networks: what looks at its picture once, and what steers in each step. A T2I-Adapter has the first alone. */
export interface LoadedControl {
  input: ControlInput;
  look: Network;
  steer?: Network | undefined;
}

/**
 * Loads the networks of a job's controls; those of an earlier job's that are not among them give their memory back.
 *
 * @throws InvalidRequestError naming the field whose file lacks a tensor or has one of the wrong shape.
 */
export async function loadControls(
  model: Pick<OpenModel, "beside" | "keepBeside">,
  inputs: FamilyJob["inputs"]["controls"] = [],
): Promise<LoadedControl[]> {
  if (inputs.length === 0) return [];
  const keys = new Map<ControlInput, string>();
  for (const input of inputs)
    keys.set(input, JSON.stringify([input.source.config, await stampOf([input.source.path])]));
  await model.keepBeside(
    "control",
    [...keys.values()].flatMap((key) => [`control look ${key}`, `control steer ${key}`]),
  );
  return Promise.all(
    inputs.map(async (input): Promise<LoadedControl> => {
      const { source, field } = input;
      const load = (role: string, build: Build) =>
        ofField(
          `${field}.model`,
          model.beside(`control ${role} ${keys.get(input)}`, () => graphOf(source, build)),
        );
      if (source.kind === "t2i-adapter") return { input, look: await load("look", buildT2IAdapter) };
      return { input, look: await load("look", buildControlHint), steer: await load("steer", buildControlNet) };
    }),
  );
}

type Build = (config: unknown, weights: Weights) => NetworkGraph;

async function graphOf(source: ControlSource, build: Build): Promise<NetworkGraph> {
  return build(source.config, await openControl(source));
}

/** Feeds of a network, by name. */
export type Feeds = Record<string, Tensor>;
