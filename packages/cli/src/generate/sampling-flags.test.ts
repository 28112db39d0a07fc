import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { fieldToFlag, flagsToFields, type GenerateFlags } from "./flags.ts";
import { samplingOptions } from "./sampling-flags.ts";

function fieldsOf(...args: string[]) {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  for (const option of samplingOptions()) command.addOption(option);
  return flagsToFields(command.parse(args, { from: "user" }).opts<GenerateFlags>());
}

describe("sampling flags", () => {
  it.each<[string[], object]>([
    [["--sigmas", "14.6, 3,0"], { sigmas: [14.6, 3, 0] }],
    [["--timesteps", "999,500"], { timesteps: [999, 500] }],
    [["--start-step", "3", "--end-step", "9"], { startStep: 3, endStep: 9 }],
    [["--latent", "a.npy", "--save-latent"], { latent: "a.npy", output: { latent: true } }],
    [["--sampler-options", "eta=0.5,s_noise=1.01"], { samplerOptions: { eta: 0.5, s_noise: 1.01 } }],
    [
      ["--sampler-options", "predict=noise,lower_order_final=false"],
      { samplerOptions: { predict: "noise", lower_order_final: false } },
    ],
    [["--scheduler-options", "rho=5"], { schedulerOptions: { rho: 5 } }],
    [
      ["--noise", "convention=a1111, subseed=18446744073709551615,ensd=-3,resizeFrom=512x768"],
      {
        noise: {
          convention: "a1111",
          subseed: "18446744073709551615",
          ensd: -3,
          resizeFrom: { width: 512, height: 768 },
        },
      },
    ],
    [["--guidance-mode", "apg", "--apg-momentum", "-0.5"], { guidance: { mode: "apg", apgMomentum: -0.5 } }],
    [["--guidance-scales", "7,5,1", "--guidance-end", "0.8"], { guidance: { scales: [7, 5, 1], end: 0.8 } }],
  ])("%j", (args, fields) => {
    expect(fieldsOf(...args)).toEqual(fields);
  });

  it.each([
    [["--sigmas", "3,,1"], /numbers with commas/],
    [["--noise", "a1111"], /name=value/],
    [["--sampler-options", "eta="], /name=value/],
    [["--end-step", "1.5"], /whole number/],
  ])("refuse %j", (args, message) => {
    expect(() => fieldsOf(...args)).toThrow(message);
  });

  it.each([
    ["noise.ensd", "--noise ensd"],
    ["samplerOptions.eta", "--sampler-options eta"],
    ["samplerOptions", "--sampler-options"],
    ["sigmas[1]", "--sigmas"],
    ["startStep", "--start-step"],
    ["output.latent", "--save-latent"],
    ["guidance.apgNormThreshold", "--apg-norm-threshold"],
    ["guidance.scales[0]", "--guidance-scales"],
    ["guidance.pagScale", "--pag-scale"],
  ])("%s is told as %s", (field, flag) => {
    expect(fieldToFlag(field)).toBe(flag);
  });
});
