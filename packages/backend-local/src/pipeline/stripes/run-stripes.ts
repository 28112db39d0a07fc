import type { Network } from "../../engine/network.ts";
import type { Runtime } from "../../engine/runtime.ts";
import type { Stage } from "../../networks/autoencoder-kl/stripe-stages.ts";
import { type ChannelMoments, groupMoments } from "./group-moments.ts";
import type { Pass, StripePlan } from "./plan-stripes.ts";
import { giveBack, runPass, stripeCount } from "./run-pass.ts";

/** What a plan is run with. */
export interface StripesRun {
  plan: StripePlan;
  runtime: Runtime;
  network(stage: Stage): Promise<Network>;
  groups: number;
  epsilon: number;
  /** The rows that the first pass reads, `[channels, width]` each: copied to the plan's own buffer, unless a layer takes a picture in. */
  start: Float32Array;
  /** Takes the head's rows. */
  write?: (rows: Float32Array, from: number) => void;
  stripeBytes?: number | undefined;
  /** Told after each stripe. */
  onProgress?: ((done: number, of: number) => void) | undefined;
  signal: AbortSignal;
}

/** Runs a plan, and gives its buffer: the last layer's rows lie at its beginning. */
export async function runStripes(run: StripesRun): Promise<Float32Array> {
  const { plan, runtime, groups, epsilon, start, write, signal } = run;
  const takesPicture = ({ stage }: Pass) => "enter" in stage && stage.enter?.how === "conv_in";
  const main = new Float32Array(plan.main);
  let side = new Float32Array(0);
  if (!plan.passes.some(takesPicture)) main.set(start);

  // Moments of the rows as they lie in the buffer (or would, were they kept), and of those between a block's halves.
  let [moments, between]: (ChannelMoments | undefined)[] = [];
  const norm = (name: string, of: ChannelMoments | undefined) => {
    const { means, rates } = groupMoments(of!, groups, epsilon);
    const dims = [means.length];
    return {
      [`${name}.mean`]: new runtime.Tensor("float32", means, dims),
      [`${name}.rate`]: new runtime.Tensor("float32", rates, dims),
    };
  };
  const normsOf = ({ part }: Stage) => ({
    ...(part === "first" || part === "both" || part === "head" ? norm("norm", moments) : {}),
    ...(part === "second" || part === "both" ? norm("norm2", between) : {}),
  });
  let done = 0;
  const stripes = plan.passes.reduce((sum, pass) => sum + stripeCount(pass, run.stripeBytes), 0);
  const onStripe = () => run.onProgress?.(++done, stripes);
  for (const pass of plan.passes) {
    const { stage, to } = pass;
    if (to === "side") side = new Float32Array(pass.out.rows * pass.out.width * pass.out.channels);
    const found = await runPass({
      pass,
      network: await run.network(stage),
      runtime,
      source: takesPicture(pass) ? start : main,
      side,
      norms: normsOf(stage),
      target: to === "main" ? main : to === "side" ? side : undefined,
      stripeBytes: run.stripeBytes,
      onStripe,
      write: stage.part === "head" ? write : undefined,
      signal,
    });
    if (stage.part === "second") giveBack(side);
    if (stage.part === "first") between = found;
    else moments = found;
  }
  return main;
}
