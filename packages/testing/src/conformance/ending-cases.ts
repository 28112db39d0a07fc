import { AbortedError, InvalidRequestError, LatentKitError, UnsupportedError } from "@latentkit/core";
import { expect } from "vitest";
import type { Case } from "./cases.ts";
import { collect, eventually, until } from "./collect.ts";

type EndingCase = "refusal" | "failure" | "partial failure" | "resume" | "dispose" | "dispose while running";

/** Cases about refusing, failing, resuming and closing. */
export const endingCases: Record<EndingCase, Case> = {
  async refusal({ client, request, unsupported, workBegun }) {
    const before = await workBegun();
    const { error } = await collect(client.generate(unsupported.request));
    expect(
      UnsupportedError.isInstance(error) || InvalidRequestError.isInstance(error),
      `a typed refusal, not ${error}`,
    ).toBe(true);
    const fields = (error as UnsupportedError).issues.map((issue) => issue.field);
    expect(fields).toContain(unsupported.field);
    const invalid = await collect(client.generate({ ...request, steps: -1 } as never));
    expect(InvalidRequestError.isInstance(invalid.error)).toBe(true);
    expect(await workBegun(), "refused before any work").toBe(before);
  },

  async failure({ client, failing, request, worker = client.backend.id, skip }) {
    if (failing === undefined) return skip("no way to make this backend fail was given");
    const { events, error } = await collect(client.generate(failing));
    expect(LatentKitError.isInstance(error), `a LatentKit error, not ${error}`).toBe(true);
    expect(AbortedError.isInstance(error)).toBe(false);
    expect((error as LatentKitError).backend).toBe(worker);
    expect(events.some((event) => event.type === "completed")).toBe(false);
    expect((await client.generate(request)).images, "the backend works after a failure").toHaveLength(1);
  },

  async "partial failure"({ client, partlyFailing, skip }) {
    if (partlyFailing === undefined) return skip("no way to make one picture of several fail was given");
    const { images, failures, warnings } = await client.generate(partlyFailing);
    expect(images.length, "what succeeded is kept").toBeGreaterThan(0);
    expect(failures.length).toBeGreaterThan(0);
    expect(images.length + failures.length).toBe(partlyFailing.count);
    expect(warnings.filter((warning) => warning.code === "image_failed")).toHaveLength(failures.length);
    for (const image of images) expect((await image.pixels()).data.length).toBeGreaterThan(0);
  },

  async resume({ client, request, skip }) {
    const { resume } = await client.capabilities();
    if (!resume) return skip("this backend cannot resume");
    const job = client.generate(request);
    const { images } = await job;
    expect(job.handle, "a backend that resumes gives a handle").toBeDefined();
    const handle = JSON.parse(JSON.stringify(job.handle));
    const again = await client.resume(handle);
    expect(await again.images[0]!.pixels()).toEqual(await images[0]!.pixels());
  },

  async dispose({ client, request }) {
    await client.generate(request);
    await client.dispose();
    await client.dispose();
    const { error } = await collect(client.generate(request));
    expect(LatentKitError.isInstance(error) && error.code === "disposed").toBe(true);
  },

  async "dispose while running"({ client, longRequest, isIdle }) {
    const job = client.generate(longRequest);
    await until(job, (event) => event.type === "started");
    await client.dispose();
    const { error } = await collect(job);
    expect(AbortedError.isInstance(error), `an AbortedError, not ${error}`).toBe(true);
    expect(await eventually(isIdle)).toBe(true);
  },
};
