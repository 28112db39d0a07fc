import { AbortedError, type Job } from "@latentkit/core";
import { expect } from "vitest";
import type { Case, CaseContext } from "./cases.ts";
import { collect, eventually, until } from "./collect.ts";

type AbortCase = "abort before" | "abort while queued" | "abort while sampling" | "abort through a signal";

/** Cases about cancelling: the error comes, the work stops, and the backend is usable afterwards. */
export const abortCases: Record<AbortCase, Case> = {
  async "abort before"({ client, request, workBegun }) {
    const before = await workBegun();
    const { error } = await collect(client.generate(request, { signal: AbortSignal.abort() }));
    expect(AbortedError.isInstance(error), `an AbortedError, not ${error}`).toBe(true);
    expect(await workBegun(), "no work was begun").toBe(before);
  },

  async "abort while queued"(context) {
    const job = context.client.generate(context.longRequest);
    await until(job, (event) => event.type === "queued");
    job.cancel();
    await expectStopped(job, context);
  },

  async "abort while sampling"(context) {
    const job = context.client.generate(context.longRequest);
    await until(job, (event) => event.type === "progress" && event.phase === "sample" && event.step > 0);
    job.cancel();
    await expectStopped(job, context);
    expect(job.status).toBe("cancelled");
  },

  async "abort through a signal"(context) {
    const controller = new AbortController();
    const job = context.client.generate(context.longRequest, { signal: controller.signal });
    await until(job, (event) => event.type === "started");
    controller.abort();
    await expectStopped(job, context);
  },
};

async function expectStopped(job: Job, { client, request, isIdle }: CaseContext): Promise<void> {
  const error = await job.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(AbortedError.isInstance(error), `an AbortedError, not ${error}`).toBe(true);
  expect(await eventually(isIdle), "the work itself has stopped").toBe(true);
  const { images } = await client.generate(request);
  expect(images, "the backend works after an abort").toHaveLength(1);
}
