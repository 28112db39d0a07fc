import type { GraphBuilder, Link } from "./graph.ts";
import type { Plan } from "./plan.ts";
import type { StepRange } from "./sigmas.ts";

/** Puts the ways of guidance that ComfyUI has as patches over a model. */
export function guidedModel(g: GraphBuilder, { request: { guidance } }: Plan, plain: Link): Link {
  if (guidance === undefined) return plain;
  let model = plain;
  if (guidance.mode === "cfg-zero-star") model = g.add("cfg-zero-star", "CFGZeroStar", { model })();
  if (guidance.mode === "apg") {
    const { apgEta: eta = 1, apgNormThreshold: norm_threshold = 5, apgMomentum: momentum = 0 } = guidance;
    const fields = {
      eta: "guidance.apgEta",
      norm_threshold: "guidance.apgNormThreshold",
      momentum: "guidance.apgMomentum",
    };
    model = g.add("apg", "APG", { model, eta, norm_threshold, momentum }, fields)();
  }
  if (guidance.pagScale !== undefined && guidance.pagScale > 0) {
    const inputs = { model, scale: guidance.pagScale };
    model = g.add("perturbed-attention", "PerturbedAttentionGuidance", inputs, { scale: "guidance.pagScale" })();
  }
  if (guidance.rescale > 0) {
    const inputs = { model, multiplier: guidance.rescale };
    model = g.add("rescale-cfg", "RescaleCFG", inputs, { multiplier: "guidance.rescale" })();
  }
  return model;
}

/** One stretch of a pass, with guidance or without. */
export interface Stretch extends StepRange {
  isGuided: boolean;
}

/** The steps of a pass that are run, cut where guidance begins and ends: whole where it acts all the time. */
export function stretchesOf({ request: { guidance } }: Plan, steps: number, range: StepRange): Stretch[] {
  const { start = 0, end = 1 } = guidance ?? {};
  const [from, to] = [Math.floor(start * steps), Math.floor(end * steps)];
  return [
    { from: 0, to: from, isGuided: false },
    { from, to, isGuided: true },
    { from: to, to: steps, isGuided: false },
  ]
    .map((stretch) => ({
      ...stretch,
      from: Math.max(stretch.from, range.from),
      to: Math.min(stretch.to, range.to),
    }))
    .filter((stretch) => stretch.from < stretch.to);
}
