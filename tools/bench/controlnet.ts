/**
 * What a ControlNet adds to a step at Stable Diffusion 1.5's size (random weights): its share of the UNet's time, beside torch's for networks of the same
 * configurations in the same run.
 *
 *     node --conditions=latentkit-source tools/bench/controlnet.ts [latent side] [runs]
 *
 * With LATENTKIT_PYTHON (a Python with diffusers) torch's figures stand beside. The networks' files stay in the system's temporary folder.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadRuntime } from "../../packages/backend-local/src/engine/runtime.ts";
import { fileWeights, type Weights } from "../../packages/backend-local/src/files/weights.ts";
import { buildControlHint } from "../../packages/backend-local/src/networks/controlnet/control-hint.ts";
import { buildControlNet, controlOutputs } from "../../packages/backend-local/src/networks/controlnet/controlnet.ts";
import type { NetworkGraph } from "../../packages/backend-local/src/networks/network-graph.ts";
import { buildUNet } from "../../packages/backend-local/src/networks/unet-2d-condition/unet-2d-condition.ts";
import { benchFolder, circumstances, median, round, sd15 } from "./bench-model.ts";
import { wantedTensors, writeRandomWeights } from "./random-weights.ts";

const side = Number(process.argv[2] ?? 64);
const runs = Number(process.argv[3] ?? 3);
const control = { _class_name: "ControlNetModel", ...sd15 };
const { InferenceSession: Session, Tensor, sessionOptions } = await loadRuntime({ device: "cpu" });

async function weightsOf(name: string, build: (weights: Weights) => unknown): Promise<Weights> {
  const path = join(benchFolder, `${name}-F16.safetensors`);
  if (!existsSync(path)) await writeRandomWeights(path, wantedTensors(build), "F16");
  return fileWeights(path);
}
const both = (weights: Weights) => [buildControlHint(control, weights), buildControlNet(control, weights)] as const;
const unet = buildUNet(sd15, await weightsOf("sd15-unet", (weights) => buildUNet(sd15, weights)));
const [look, steer] = both(await weightsOf("sd15-controlnet", both));

const random = (dims: number[]) =>
  new Tensor(
    "float32",
    Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => Math.random() - 0.5),
    dims,
  );
const step = { timestep: new Tensor("float32", [500], [1]), encoder_hidden_states: random([1, 77, 768]) };
const feeds = { sample: random([1, 4, side, side]), ...step };
const outputs = controlOutputs(12);

/** Seconds of a run, the session's first left out; one session at a time. */
async function seconds(graph: NetworkGraph, given: Record<string, InstanceType<typeof Tensor>>, wanted?: string[]) {
  const session = await Session.create(graph.model, { ...sessionOptions, ...graph.sessionOptions });
  const times: number[] = [];
  for (let i = 0; i <= runs; i++) {
    const from = performance.now();
    await session.run(given, wanted ?? [...session.outputNames]);
    times.push((performance.now() - from) / 1000);
  }
  await session.release();
  return median(times.slice(1));
}

const ofUnet = await seconds(unet, feeds);
const ofLook = await seconds(look, { picture: random([1, 3, 8 * side, 8 * side]) });
const hint = random([1, 320, side, side]);
const scales = new Tensor("float32", new Float32Array(outputs.length).fill(1), [outputs.length]);
const ofControl = await seconds(steer, { ...feeds, hint, scales }, outputs);
const figures = {
  ...circumstances(),
  latent: `${side}×${side}, batch 1, float16 weights`,
  unetSeconds: round(ofUnet),
  controlNetSeconds: round(ofControl),
  lookingOnceSeconds: round(ofLook),
  shareOfUnet: round(ofControl / ofUnet),
  torch: torchFigures(),
};
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);

function torchFigures(): unknown {
  const python = process.env.LATENTKIT_PYTHON;
  if (!python) return "not run: LATENTKIT_PYTHON is not set";
  const script = fileURLToPath(new URL("controlnet_figures.py", import.meta.url));
  const { status, stdout, stderr } = spawnSync(python, [script, String(side), String(runs)], { encoding: "utf8" });
  return status === 0 ? JSON.parse(stdout) : `failed: ${stderr.slice(-500)}`;
}
