import type { Tensor } from "onnxruntime-node";
import type { Network } from "../../engine/network.ts";
import type { FamilyJob, OpenModel } from "../../families/family.ts";
import type { Weights } from "../../files/weights.ts";
import { partOf } from "../../models/model.ts";
import { stampOf } from "../../models/model-hash.ts";
import { openWeights } from "../../models/open-weights.ts";
import { buildControlHint } from "../../networks/controlnet/control-hint.ts";
import { buildControlNet } from "../../networks/controlnet/controlnet.ts";
import { buildFluxControlNet } from "../../networks/flux-controlnet/flux-controlnet.ts";
import type { BuildOptions, NetworkGraph } from "../../networks/network-graph.ts";
import { buildQwenImageControlNet } from "../../networks/qwen-image-controlnet/qwen-image-controlnet.ts";
import { buildSD3ControlNet } from "../../networks/sd3-controlnet/sd3-controlnet.ts";
import { buildT2IAdapter } from "../../networks/t2i-adapter/t2i-adapter.ts";
import { buildZImageControlNet } from "../../networks/z-image-controlnet/z-image-controlnet.ts";
import { ofField } from "../of-field.ts";
import type { ControlInput } from "./control-input.ts";
import { openControl } from "./control-source.ts";

/** A control's networks: what looks at its picture once, and what steers in each step. A T2I-Adapter has the first alone, a transformer's the second. */
export interface LoadedControl {
  input: ControlInput;
  look?: Network;
  steer?: Network;
}

/**
 * Loads the networks of a job's controls; those of an earlier job's that are not among them give their memory back.
 *
 * @throws InvalidRequestError naming the field whose file lacks a tensor or has one of the wrong shape.
 */
export async function loadControls(
  model: Pick<OpenModel, "beside" | "keepBeside" | "model">,
  inputs: FamilyJob["inputs"]["controls"] = [],
): Promise<LoadedControl[]> {
  if (inputs.length === 0) return [];
  const networks = await Promise.all(inputs.map((input) => networksOf(input, model.model)));
  await model.keepBeside("control", networks.flat());
  return Promise.all(
    inputs.map(async (input, i): Promise<LoadedControl> => {
      const loaded: LoadedControl = { input };
      for (const network of networks[i]!)
        loaded[network.role] = await ofField(`${input.field}.model`, model.beside(network, network.graph));
      return loaded;
    }),
  );
}

/** One of a control's networks, before it is loaded. */
export interface ControlNetwork {
  role: "look" | "steer";
  /** What it stays loaded under. */
  key: string;
  graph(options: BuildOptions): Promise<NetworkGraph>;
  /** The model's network that it has layers of. */
  shares?: string | undefined;
}

/** The networks of a control. */
export async function networksOf(
  { source }: Pick<ControlInput, "source">,
  model: OpenModel["model"],
): Promise<ControlNetwork[]> {
  const stamp = JSON.stringify([source.config, await stampOf([source.path])]);
  const network = (role: ControlNetwork["role"], build: Build, shares?: string): ControlNetwork => ({
    role,
    key: `control ${role} ${stamp}`,
    shares,
    graph: async (options) => build(source.config, await openControl(source), { model, options }),
  });
  switch (source.kind) {
    case "t2i-adapter":
      return [network("look", buildT2IAdapter)];
    case "controlnet":
      return [network("look", buildControlHint), network("steer", buildControlNet)];
    case "flux-controlnet":
      return [network("steer", buildFluxControlNet)];
    case "qwen-image-controlnet":
      return [network("steer", buildQwenImageControlNet)];
    case "sd3-controlnet":
      return [network("steer", buildSD3ControlNet)];
    case "z-image-controlnet":
      return [network("steer", zImageControlNet, "transformer")];
  }
}

interface Around {
  model: OpenModel["model"];
  options: BuildOptions;
}

type Build = (config: unknown, weights: Weights, around: Around) => NetworkGraph | Promise<NetworkGraph>;

const zImageControlNet: Build = async (config, weights, { model, options }) => {
  const transformer = partOf(model, "transformer");
  const own = { config: transformer.config, weights: await openWeights(transformer.weights) };
  return buildZImageControlNet(config, weights, own, options);
};

/** Feeds of a network, by name. */
export type Feeds = Record<string, Tensor>;
