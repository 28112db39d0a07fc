import { linspaceF32 } from "../betas.ts";
import { makeEdmSchedule } from "../flow-schedule.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { DiffusersPlan } from "./layout.ts";

/** IPNDMScheduler: its levels are sin²(πt/2), and the network predicts v and is told 2φ/π, φ being the angle between x0 and ε. */
export function ipndmScheduler(config: ConfigReader): DiffusersPlan {
  config.mustBeOff("trained_betas");
  const trainTimesteps = config.trainTimesteps();
  const toldAt = (ratio: number) => (Math.atan(ratio) / Math.PI) * 2;
  return {
    sampler: "ipndm",
    prediction: "v_prediction",
    schedule: makeEdmSchedule({ sigmaMin: 1e-6, sigmaMax: 1e6, trainTimesteps }),
    space: "vp",
    timestepOf: (sigma) => toldAt(sigma / Math.sqrt(1 - sigma * sigma)),
    setTimesteps({ steps }) {
      const betas = linspaceF32(1, 0, steps + 1).map((t) => Math.sin((t * Math.PI) / 2) ** 2);
      const ratios = Float64Array.from(betas, (beta) => beta / Math.sqrt(1 - beta * beta));
      return { timesteps: ratios.slice(0, -1).map(toldAt), sigmas: ratios, initNoiseSigma: 1 };
    },
  };
}
