import { ConnectionError } from "@latentkit/core";
import { expect, it } from "vitest";
import type { ReplicateHttp } from "./http/replicate-http.ts";
import type { ResolvedModel } from "./model/resolved-model.ts";
import { ReplicatePredictions } from "./predictions.ts";

it("gives a prediction to one of two equal creates under way, never to both", async () => {
  const lost = new ConnectionError("cut", { retryable: false, details: { outcome: "unknown" } });
  const theOthers = { id: "p2", model: "me/painter", input: { seed: 7 }, created_at: new Date().toISOString() };
  const answer = Promise.withResolvers<unknown>();
  const posts = [Promise.reject(lost), answer.promise];
  const call = async ({ method }: { method: string }) => (method === "POST" ? posts.shift() : { results: [theOthers] });
  const predictions = new ReplicatePredictions({ call } as unknown as ReplicateHttp, [0]);
  const model = { owner: "me", name: "painter", create: { path: "/predictions" } } as ResolvedModel;
  const create = () => predictions.create(model, { seed: 7 }, { wait: 0, recover: true }, new AbortController().signal);
  const [first, second] = [create(), create()];
  await expect(first).rejects.toBe(lost);
  answer.resolve(theOthers);
  expect(await second).toBe(theOthers);
});
