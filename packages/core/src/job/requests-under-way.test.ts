import { expect, test } from "vitest";
import { RequestsUnderWay } from "./requests-under-way.ts";

/** Counts until it is aborted; `ended` once it has let go of what it held. */
function counting() {
  const state = { ended: false, signal: undefined as AbortSignal | undefined };
  async function* begin(signal: AbortSignal) {
    state.signal = signal;
    try {
      for (let i = 0; ; i++) {
        signal.throwIfAborted();
        yield i;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      state.ended = true;
    }
  }
  return { state, begin };
}

test("a request ends with its reader", async () => {
  const { state, begin } = counting();
  for await (const i of new RequestsUnderWay("here").work(new AbortController().signal, begin)) if (i === 2) break;
  expect(state.ended).toBe(true);
  expect(state.signal?.aborted).toBe(true);
});

test("and with its caller, before it begins too", async () => {
  const requests = new RequestsUnderWay("here");
  const { state, begin } = counting();
  const caller = new AbortController();
  const reading = (async () => {
    for await (const i of requests.work(caller.signal, begin)) if (i === 2) caller.abort(new Error("enough"));
  })();
  await expect(reading).rejects.toThrow("enough");
  expect(state.ended).toBe(true);
  const late = counting();
  await expect(requests.work(caller.signal, late.begin).next()).rejects.toThrow("enough");
  expect(late.state.signal).toBeUndefined();
});

test("all end with the backend, which waits until they have", async () => {
  const requests = new RequestsUnderWay("here");
  const both = [counting(), counting()];
  const reading = both.map(async ({ begin }) => {
    for await (const _ of requests.work(new AbortController().signal, begin));
  });
  const settled = Promise.allSettled(reading);
  await new Promise((resolve) => setTimeout(resolve, 10));
  requests.check();
  await requests.end();
  expect(both.map(({ state }) => state.ended)).toEqual([true, true]);
  expect((await settled).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(() => requests.check()).toThrow(/disposed/);
  await requests.end();
});
