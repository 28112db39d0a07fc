import type { EnterLayer, StripeLayer } from "../../networks/autoencoder-kl/stripe-layers.ts";
import type { Stage } from "../../networks/autoencoder-kl/stripe-stages.ts";

/** Sides of what a layer takes or makes. */
export interface Extent {
  rows: number;
  width: number;
  channels: number;
}

/** One way over the whole picture, stripe by stripe. */
export interface Pass {
  stage: Stage;
  /** What it reads beside the picture's own buffer, and where its rows go: nowhere where only their moments are wanted. */
  to: "main" | "side" | "none";
  from: Extent;
  out: Extent;
  /** Rows of its input that it reaches beyond a stripe. */
  margin: number;
}

/** Passes in their order, and how many values the buffers hold that they need. */
export interface StripePlan {
  passes: Pass[];
  main: number;
  side: number;
}

const size = ({ rows, width, channels }: Extent) => rows * width * channels;

/**
 * How to run layers over a picture with at most `budget` values kept at once. A value is kept where it fits, and made again where it does
 * not: the two halves of a residual block are one pass more than keeping what is between them, and an enlarged picture that is never kept
 * is made three times. Below the smallest plan the budget is passed over: `main` and `side` then tell what it takes.
 */
export function planStripes(layers: readonly StripeLayer[], start: Extent, budget: number): StripePlan {
  const plan: StripePlan = { passes: [], main: 0, side: 0 };
  const holds = (main: number, side = 0) => {
    plan.main = Math.max(plan.main, main);
    plan.side = Math.max(plan.side, side);
  };
  const add = (stage: Stage, to: Pass["to"], from: Extent, out: Extent, margin: number) =>
    plan.passes.push({ stage, to, from, out, margin });

  let at = start;
  let enter: EnterLayer | undefined;
  for (const layer of layers) {
    if (layer.kind === "enter") enter = layer;
    else if (layer.kind === "down") {
      const out = { rows: at.rows / 2, width: at.width / 2, channels: layer.to };
      add({ part: "down", down: layer }, "main", at, out, 1);
      at = out;
    } else if (layer.kind === "head") {
      add({ part: "head", head: layer }, "none", at, { ...at, channels: layer.to }, 1);
    } else {
      const entered = enter ? enlarged(at, enter) : at;
      const out = { ...entered, channels: layer.to };
      // The picture that comes in lies elsewhere.
      const source = enter?.how === "conv_in" ? 0 : size(at);
      const kept = Math.max(source, size(entered), size(out));
      const fused = Math.max(source, size(out));
      const fits = kept <= budget;
      if (enter && fits) add({ part: "enter", enter }, "main", at, entered, 1);
      else if (enter) add({ part: "enter", enter }, "none", at, entered, 1);
      const within = fits || !enter ? undefined : enter;
      const from = within ? at : entered;
      const reach = (rows: number) =>
        within === undefined ? rows : within.how === "upsample" ? Math.ceil((rows + 1) / 2) : rows + 1;
      // The buffer is as large as it was ever needed: what it no longer holds is not given back.
      if (!within && Math.max(kept, plan.main) + size(out) <= budget) {
        add({ part: "first", resnet: layer }, "side", from, out, 1);
        add({ part: "second", resnet: layer }, "main", from, out, 1);
        holds(kept, size(out));
      } else {
        add({ part: "first", enter: within, resnet: layer }, "none", from, out, reach(1));
        add({ part: "both", enter: within, resnet: layer }, "main", from, out, reach(2));
        holds(within ? fused : kept);
      }
      at = out;
      enter = undefined;
    }
  }
  return plan;
}

function enlarged({ rows, width }: Extent, { how, to }: EnterLayer): Extent {
  const times = how === "upsample" ? 2 : 1;
  return { rows: rows * times, width: width * times, channels: to };
}
