import { createClient } from "@latentkit/core";
import { describe, expect, it } from "vitest";
import { memoryBackend } from "./fakes/memory-backend.ts";

const base = { prompt: "a <fox>", seed: 7, width: 16, height: 16 };

describe("client.sweep", () => {
  it("draws every combination, the first axis fastest, with a sheet and a page", async () => {
    const backend = memoryBackend();
    const client = createClient({ backend });
    const sweep = client.sweep({ ...base, steps: [1, 2, 3], guidanceScale: [1, 7], "noise.source": ["nv"] });
    const result = await sweep;
    expect(result.axes.map(({ field }) => field)).toEqual(["steps", "guidanceScale", "noise.source"]);
    expect(result.cells.map(({ values }) => [values.steps, values.guidanceScale])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [1, 7],
      [2, 7],
      [3, 7],
    ]);
    for (const { image, values } of result.cells)
      expect(image?.recipe.request).toMatchObject({ steps: values.steps, seed: 7, noise: { source: "nv" } });
    const sheet = await result.contactSheet({ title: "a fox" });
    expect(sheet.width).toBeGreaterThan(3 * 256);
    expect(sheet.height).toBeGreaterThan(2 * 256);
    // Letters, and pixels of a picture, are on it.
    expect(sheet.data.some((value) => value === 24)).toBe(true);
    const html = await result.html();
    expect(html.match(/<img src="data:image\/png;base64,/g)).toHaveLength(6);
    expect(html).toContain("a &lt;fox&gt;");
    expect(html).not.toContain("a <fox>");
    expect(backend.begun).toBe(6);
  });

  it("keeps a field for each combination that fails", async () => {
    const client = createClient({ backend: memoryBackend() });
    const result = await client.sweep({ ...base, sampler: ["euler", "nonsense"] });
    expect(result.cells.map(({ image }) => image !== undefined)).toEqual([true, false]);
    expect(result.cells[1]?.error).toMatchObject({ code: "unsupported" });
    expect(await result.html()).toContain("nonsense");
    expect((await result.contactSheet()).data.some((value) => value === 220)).toBe(true);
    await expect(client.sweep({ ...base, sampler: ["nonsense"] }, { keepGoing: false })).rejects.toThrow(/nonsense/);
  });

  it("varies fields that are lists by lists of lists, and refuses what varies nothing", async () => {
    const client = createClient({ backend: memoryBackend() });
    const { cells } = await client.sweep({
      ...base,
      sigmas: [
        [14, 1, 0],
        [10, 1, 0],
      ],
      loras: [],
    });
    expect(cells.map(({ request }) => request.sigmas)).toEqual([
      [14, 1, 0],
      [10, 1, 0],
    ]);
    expect(() => client.sweep(base)).toThrow(/there is none/);
    expect(() => client.sweep({ ...base, steps: [] })).toThrow(/steps: is varied/);
    expect(() => client.sweep({ ...base, seed: Array.from({ length: 10_001 }, (_, i) => i) })).toThrow(/at most 10000/);
  });
});
