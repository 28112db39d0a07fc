import { expect, test } from "vitest";
import { unlessAborted } from "./unless-aborted.ts";

test("a promise that is in time is passed on", async () => {
  const { signal } = new AbortController();
  await expect(unlessAborted(Promise.resolve(3), signal)).resolves.toBe(3);
  await expect(unlessAborted(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
});

test("work that never ends and hears nothing ends with the signal's reason", async () => {
  const controller = new AbortController();
  const waiting = unlessAborted(new Promise(() => {}), controller.signal);
  controller.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await expect(unlessAborted(new Promise(() => {}), controller.signal)).rejects.toThrow("enough");
});
