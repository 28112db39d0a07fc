import { InferenceSession } from "onnxruntime-node";
import { expect, test } from "vitest";
import { networkCases, relativeError } from "../testing/network-cases.ts";

const tolerance = 1e-5;

test.each(networkCases)("$name computes what the oracle computed", async (network) => {
  const { model, inputs, outputs, sessionOptions } = await network.build();
  const oracle = await network.oracle();
  const session = await InferenceSession.create(model, sessionOptions);
  const feeds = Object.fromEntries(inputs.map(({ name }) => [name, oracle.get(`in.${name}`)!]));
  const results = await session.run(feeds);

  const compared = outputs.filter(({ name }) => oracle.has(`out.${name}`));
  expect(compared.length).toBeGreaterThan(0);
  for (const { name } of compared) {
    const [found, expected] = [results[name]!, oracle.get(`out.${name}`)!];
    expect(found.dims, name).toEqual(expected.dims);
    expect(relativeError(found.data as Float32Array, expected.data as Float32Array), name).toBeLessThan(tolerance);
  }
});
