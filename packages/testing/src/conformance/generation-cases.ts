import { type GenerationEvent, type GenerationInput, readRecipe } from "@latentkit/core";
import { expect } from "vitest";
import type { Case } from "./cases.ts";
import { collect } from "./collect.ts";

type GenerationCase =
  | "generates"
  | "event order"
  | "count"
  | "determinism"
  | "recipe round trip"
  | "events survive JSON"
  | "previews"
  | "concurrent jobs";

const withFields = (request: GenerationInput, fields: object) => ({ ...request, ...fields }) as GenerationInput;

/** Cases about what a generation delivers. */
export const generationCases: Record<GenerationCase, Case> = {
  async generates({ client, request, worker = client.backend.id }) {
    const { images, recipe, timings, failures } = await client.generate(request);
    expect(images).toHaveLength(1);
    expect(failures).toEqual([]);
    const pixels = await images[0]!.pixels();
    expect(pixels.width).toBeGreaterThan(0);
    expect(pixels.data).toHaveLength(pixels.width * pixels.height * pixels.channels);
    expect(await images[0]!.size()).toEqual({ width: pixels.width, height: pixels.height });
    expect(new Set(pixels.data).size, "the picture is a single colour").toBeGreaterThan(1);
    expect(recipe.backend).toBe(worker);
    expect(timings.totalMs).toBeGreaterThan(0);
  },

  async "event order"({ client, request }) {
    const { events, error } = await collect(client.generate(request));
    expect(error).toBeUndefined();
    const types = events.map((event) => event.type);
    const first = (type: GenerationEvent["type"]) => types.indexOf(type);
    expect(first("queued")).toBe(types.findIndex((type) => type !== "log" && type !== "warning"));
    expect(first("started")).toBeGreaterThan(first("queued"));
    expect(first("image")).toBeGreaterThan(first("started"));
    expect(first("completed")).toBe(types.length - 1);
    expect(types.filter((type) => type === "completed")).toHaveLength(1);
    expectSoundProgress(events);
  },

  async count({ client, request, deterministic }) {
    const { images, recipe } = await client.generate(withFields(request, { count: 2, seed: 41 }));
    expect(images.map((image) => image.index)).toEqual([0, 1]);
    expect(recipe.request.count).toBe(2);
    if (!deterministic) return;
    expect(images.map((image) => image.seed)).toEqual([41, 42]);
    const alone = await client.generate(withFields(request, { seed: 42 }));
    expect(await alone.images[0]!.pixels(), "image 1 of seed 41 is image 0 of seed 42").toEqual(
      await images[1]!.pixels(),
    );
  },

  async determinism({ client, request, deterministic, skip }) {
    if (!deterministic) return skip("this backend does not promise equal pixels for equal seeds");
    const draw = async (seed: number) => (await client.generate(withFields(request, { seed }))).images[0]!.pixels();
    const first = await draw(7);
    expect(await draw(7)).toEqual(first);
    expect(Buffer.compare((await draw(8)).data, first.data), "another seed gives another picture").not.toBe(0);
  },

  async "recipe round trip"({ client, request, deterministic }) {
    const first = await client.generate(withFields(request, { seed: 2n ** 63n + 5n }));
    const png = await first.images[0]!.bytes("png");
    const recipe = await readRecipe(png);
    expect(recipe.request.seed).toBe("9223372036854775813");
    expect(recipe.request).toEqual(first.images[0]!.recipe.request);
    const second = await client.generate(recipe);
    expect(second.warnings).toEqual([]);
    if (deterministic)
      expect(Buffer.compare(await second.images[0]!.bytes("png"), png), "the same bytes again").toBe(0);
  },

  async "events survive JSON"({ client, request }) {
    const { events } = await collect(client.generate(request));
    expect(JSON.parse(JSON.stringify(events))).toEqual(events);
  },

  async previews({ client, longRequest, skip }) {
    const { features } = await client.capabilities();
    if (!features.includes("previewEvery")) return skip("this backend has no previews");
    const { events } = await collect(client.generate(withFields(longRequest, { previewEvery: 1 })));
    expect(events.filter((event) => event.type === "preview").length).toBeGreaterThan(0);
  },

  async "concurrent jobs"({ client, request, deterministic }) {
    const results = await Promise.all([1, 2, 3].map((seed) => client.generate(withFields(request, { seed }))));
    const pixels = await Promise.all(results.map(({ images }) => images[0]!.pixels()));
    if (!deterministic) return expect(pixels).toHaveLength(3);
    const alone = await client.generate(withFields(request, { seed: 2 }));
    expect(await alone.images[0]!.pixels(), "jobs side by side do not mix").toEqual(pixels[1]);
  },
};

/** Within each phase of each image steps go up, never past their number; a fraction never goes back. */
function expectSoundProgress(events: readonly GenerationEvent[]): void {
  const last = new Map<string, number>();
  let fraction = 0;
  for (const event of events) {
    if (event.type !== "progress") continue;
    const key = `${event.phase}/${event.index ?? ""}`;
    expect(event.step).toBeGreaterThanOrEqual(last.get(key) ?? 0);
    expect(event.step).toBeLessThanOrEqual(event.steps);
    last.set(key, event.step);
    expect(event.fraction ?? fraction).toBeGreaterThanOrEqual(fraction);
    fraction = event.fraction ?? fraction;
    expect(fraction).toBeLessThanOrEqual(1);
  }
}
