import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidRequestError, parseRequest } from "../../packages/core/src/index.ts";
import { runKind } from "./kind.ts";
import { kinds } from "./kinds.ts";

describe("hostile inputs, a few of each kind (pnpm soak runs them for minutes)", () => {
  it.each(Object.entries(kinds))("%s", { timeout: 300_000 }, async (_, { make, inTests }) => {
    await using kind = await make();
    const { tried, failures } = await runKind(kind, 7, { trials: inTests });
    expect(failures).toEqual([]);
    expect(tried).toBe(inTests);
  });
});

describe("any request", () => {
  const options = { numRuns: 200, seed: 7 };

  it("is valid or refused with its fields named, whatever it is", () => {
    fc.assert(
      fc.property(fc.anything({ maxDepth: 4 }), (input) => {
        try {
          parseRequest(input);
        } catch (error) {
          expect(InvalidRequestError.isInstance(error)).toBe(true);
        }
      }),
      options,
    );
  });

  it("that was parsed is parsed to itself again, also after JSON", () => {
    const request = fc.record(
      {
        prompt: fc.string({ maxLength: 100 }),
        negativePrompt: fc.string({ maxLength: 100 }),
        width: fc.integer({ min: 8, max: 16_384 }),
        steps: fc.integer({ min: 1, max: 1000 }),
        seed: fc.oneof(fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
        count: fc.integer({ min: 1, max: 10_000 }),
        guidanceScale: fc.double({ min: 0, max: 100, noNaN: true }),
        clipSkip: fc.integer({ min: 1, max: 24 }),
      },
      { requiredKeys: ["prompt"] },
    );
    fc.assert(
      fc.property(request, (input) => {
        const parsed = parseRequest(input);
        expect(parseRequest(parsed)).toEqual(parsed);
        expect(parseRequest(JSON.parse(JSON.stringify(parsed)))).toEqual(JSON.parse(JSON.stringify(parsed)));
      }),
      options,
    );
  });
});
