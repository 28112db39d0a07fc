import { describe, expect, it } from "vitest";
import { knownVariant } from "./canonical-names.ts";
import { parseRequest } from "./parse-request.ts";

const namesOf = (input: object) => {
  const { sampler, scheduler } = parseRequest({ prompt: "a cat", ...input });
  return { sampler, scheduler };
};

describe("names in a request", () => {
  it.each([
    [{ sampler: "DPM++ 2M Karras" }, { sampler: "dpmpp_2m", scheduler: "karras" }],
    [
      { sampler: "DPM++ 2M Karras", scheduler: "Karras" },
      { sampler: "dpmpp_2m", scheduler: "karras" },
    ],
    [{ sampler: "Euler a" }, { sampler: "euler_ancestral" }],
    [
      { sampler: "Euler a", scheduler: "SGM Uniform" },
      { sampler: "euler_ancestral", scheduler: "sgm_uniform" },
    ],
    [{ sampler: "EulerDiscreteScheduler" }, { sampler: "euler" }],
    [
      { sampler: "DPM++ 2M", scheduler: "Automatic" },
      { sampler: "dpmpp_2m", scheduler: "karras" },
    ],
    [{ scheduler: "automatic" }, {}],
    [{ scheduler: "diffusers" }, { scheduler: "diffusers" }],
    [
      { sampler: "somebodys_own", scheduler: "beta57" },
      { sampler: "somebodys_own", scheduler: "beta57" },
    ],
    [{ sampler: "dpmpp_2m_sde_gpu" }, { sampler: "dpmpp_2m_sde_gpu" }],
  ])("%j", (given, expected) => {
    expect(namesOf(given)).toEqual({ sampler: undefined, scheduler: undefined, ...expected });
  });

  it("are refused where one says what the other doesn't", () => {
    expect(() => namesOf({ sampler: "DPM++ 2M Karras", scheduler: "exponential" })).toThrow(
      /scheduler.*"exponential".*"DPM\+\+ 2M Karras" says karras/,
    );
  });

  it("lose ComfyUI's _gpu only where the backend has no such sampler", () => {
    const request = parseRequest({ prompt: "a cat", sampler: "dpmpp_2m_sde_gpu" });
    const capabilities = (samplers: readonly string[] | "any") => ({ samplers }) as Parameters<typeof knownVariant>[1];
    expect(knownVariant(request, capabilities(["dpmpp_2m_sde"])).sampler).toBe("dpmpp_2m_sde");
    expect(knownVariant(request, capabilities(["dpmpp_2m_sde", "dpmpp_2m_sde_gpu"])).sampler).toBe("dpmpp_2m_sde_gpu");
    expect(knownVariant(request, capabilities("any")).sampler).toBe("dpmpp_2m_sde_gpu");
  });
});
