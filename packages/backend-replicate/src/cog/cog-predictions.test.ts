import { ConnectionError, NotFoundError, TimeoutError } from "@latentkit/core";
import { describe, expect, it } from "vitest";
import type { Prediction } from "../api/prediction.ts";
import type { ReplicateHttp } from "../http/replicate-http.ts";
import type { ResolvedModel } from "../model/resolved-model.ts";
import { CogPredictions } from "./cog-predictions.ts";
import type { WebhookReceiver } from "./webhook-receiver.ts";

/** Predictions whose open call and webhooks the test answers itself. */
async function opened() {
  const answer = Promise.withResolvers<Prediction>();
  let post: (state: Prediction) => void = () => {};
  let cancels = 0;
  const call = async ({ method }: { method: string }) => {
    if (method === "PUT") return answer.promise;
    // The first cancel arrives before what it is meant for.
    if (++cancels === 1) throw new NotFoundError("no such prediction");
    answer.resolve(state("canceled"));
    return {};
  };
  const http = { call } as unknown as ReplicateHttp;
  const receiver = {
    expect: async (_id: string, listener: typeof post) => {
      post = listener;
      return "http://127.0.0.1:1/hook";
    },
    forget: () => {},
  } as unknown as WebhookReceiver;
  const predictions = new CogPredictions(http, receiver);
  const state = (status: string, logs = ""): Prediction => ({ id, status, logs });
  const { id } = await predictions.create(
    {} as ResolvedModel,
    {},
    { wait: 0, recover: false },
    new AbortController().signal,
  );
  return { predictions, id, answer, post: (status: string, logs?: string) => post(state(status, logs)), state };
}

describe("a cancel", () => {
  it("that the server does not heed is told", async () => {
    const answer = Promise.withResolvers<Prediction>();
    const http = { call: async ({ method }: { method: string }) => (method === "PUT" ? answer.promise : {}) };
    const predictions = new CogPredictions(http as unknown as ReplicateHttp, undefined, 1);
    const settings = { wait: 0, recover: false };
    const { id } = await predictions.create({} as ResolvedModel, {}, settings, new AbortController().signal);
    const error = await predictions.cancel(id).catch((reason: unknown) => reason);
    expect(TimeoutError.isInstance(error)).toBe(true);
  });
});

describe("a prediction's states", () => {
  it("come by webhook until its call is answered", async () => {
    const { predictions, id, answer, post, state } = await opened();
    post("processing", "one");
    expect(await predictions.get(id)).toMatchObject({ status: "processing", logs: "one" });
    const next = predictions.get(id);
    answer.resolve(state("succeeded"));
    expect((await next).status).toBe("succeeded");
  });

  it("that come late change nothing: the answer is the end", async () => {
    const { predictions, id, answer, post, state } = await opened();
    answer.resolve(state("succeeded"));
    await answer.promise;
    await Promise.resolve();
    post("processing", "late");
    expect((await predictions.get(id)).status).toBe("succeeded");
  });

  it("that say it is over wait for the answer, which has the whole output", async () => {
    const { predictions, id, answer, post, state } = await opened();
    post("processing", "one");
    post("succeeded", "no output here");
    expect((await predictions.get(id)).logs).toBe("one");
    answer.resolve(state("succeeded", "whole"));
    expect((await predictions.get(id)).logs).toBe("whole");
  });

  it("end once a cancel that overtook the call has caught up with it", async () => {
    const { predictions, id, answer } = await opened();
    await predictions.cancel(id);
    expect((await answer.promise).status).toBe("canceled");
  });

  it("end with the call's error", async () => {
    const { predictions, id, answer } = await opened();
    answer.reject(new ConnectionError("gone"));
    await expect(predictions.get(id)).rejects.toThrow("gone");
  });
});
