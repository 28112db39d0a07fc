import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Backend,
  BudgetError,
  ConnectionError,
  ContentRefusedError,
  createClient,
  diskStore,
  fallback,
  GenerationError,
  memoryStore,
  pool,
  RateLimitError,
  route,
  withCache,
  withHooks,
  withLimits,
  withPrices,
  withRetry,
} from "@latentkit/core";
import { describe, expect, it } from "vitest";
import { collect } from "./conformance/collect.ts";
import { type MemoryBackendOptions, memoryBackend } from "./fakes/memory-backend.ts";

const request = { prompt: "a", width: 16, height: 16, seed: 3 } as const;
const refused = () => new ConnectionError("no answer", { cause: Object.assign(new Error(), { code: "ECONNREFUSED" }) });
const lost = () => new ConnectionError("lost", { cause: Object.assign(new Error(), { code: "ECONNRESET" }) });
const breaking = (error: () => Error, at: string, more: MemoryBackendOptions = {}) =>
  memoryBackend({ id: "first", resumable: true, breaks: (_, where) => (where === at ? error() : undefined), ...more });

async function run(backend: Backend, input: object = request) {
  const job = createClient({ backend }).generate(input as typeof request);
  const { events, error } = await collect(job);
  const logs = events.flatMap((event) => (event.type === "log" ? [event.message] : []));
  return { logs, error, events, result: error === undefined ? await job : undefined };
}

describe("fallback", () => {
  it.each([
    ["a server that can't be reached", refused, "submit"],
    ["a failure before anything is made", () => new GenerationError("broke"), "started"],
    ["a server that asks to wait", () => new RateLimitError("later"), "submit"],
  ])("goes on after %s, and says so", async (_, error, at) => {
    const second = memoryBackend({ id: "second" });
    const { result, logs } = await run(fallback([breaking(error, at), second]));
    expect(result?.recipe.backend).toBe("second");
    expect(second.begun).toBe(1);
    expect(logs).toEqual([
      "fallback: first is asked",
      expect.stringMatching(/first failed \(.+\): second is next/),
      "fallback: second is asked",
    ]);
  });

  it("never risks two bills: a job that was taken and then lost is not made elsewhere", async () => {
    for (const at of ["queued", "started"]) {
      const second = memoryBackend({ id: "second" });
      const { error } = await run(fallback([breaking(lost, at), second]));
      expect(error).toMatchObject({ code: "connection", backend: "first" });
      expect(second.begun).toBe(0);
      const free = fallback([{ backend: breaking(lost, at), usdPerImage: 0 }, memoryBackend({ id: "second" })]);
      expect((await run(free)).result?.recipe.backend).toBe("second");
    }
    const unknown = memoryBackend({ id: "second" });
    expect((await run(fallback([breaking(lost, "submit"), unknown]))).error).toMatchObject({ code: "connection" });
    expect(unknown.begun).toBe(0);
  });

  it("goes on after what its rules name alone, and never after a picture", async () => {
    const moderated = () => breaking(() => new ContentRefusedError("no"), "submit");
    expect((await run(fallback([moderated(), memoryBackend()]))).error).toMatchObject({ code: "content_refused" });
    const named = fallback([moderated(), memoryBackend()], { on: ["content_refused"] });
    expect((await run(named)).result?.images).toHaveLength(1);
    const half = memoryBackend({ id: "first", fails: (_, index) => index === 1 });
    const { result } = await run(fallback([half, memoryBackend({ id: "second" })]), { ...request, count: 2 });
    expect(result).toMatchObject({ recipe: { backend: "first" }, failures: [{ index: 1 }] });
  });

  it("passes over who can't do it, tells why, and refuses with everyone's reasons", async () => {
    const small = () => memoryBackend({ id: "small", sides: { min: 8, max: 8 } });
    const { result, logs } = await run(fallback([small(), memoryBackend()]));
    expect(result?.recipe.backend).toBe("memory");
    expect(logs[0]).toMatch(/small is passed over: width: 16 is not possible here/);
    const apart = fallback({
      wide: memoryBackend({ sides: { min: 64, max: 128 } }),
      small: memoryBackend({ sides: { min: 8, max: 8 } }),
    });
    const { error } = await run(apart);
    expect(error).toMatchObject({ code: "unsupported" });
    expect(String(error)).toMatch(/wide: 16 .*small: 16 /s);
  });

  it("resumes through compositions of compositions, by the members' names", async () => {
    const make = () =>
      fallback({ inner: pool({ a: memoryBackend({ resumable: true }), b: memoryBackend({ id: "b" }) }) });
    const client = createClient({ backend: make() });
    const job = client.generate(request);
    const { images } = await job;
    const handle = JSON.parse(JSON.stringify(job.handle));
    expect(handle).toMatchObject({ backend: "fallback", data: { member: "inner", data: { member: "a" } } });
    const again = await createClient({ backend: make() }).resume(handle);
    expect(again.recipe.backend).toBe("memory");
    expect(await again.images[0]!.pixels()).toEqual(await images[0]!.pixels());
    const gone = createClient({ backend: fallback({ other: memoryBackend({ resumable: true }) }) });
    await expect(gone.resume(handle)).rejects.toMatchObject({ code: "not_found" });
  });

  it("refuses what makes no sense", () => {
    const one = memoryBackend();
    expect(() => fallback([])).toThrow(/at least one backend/);
    expect(() => fallback([one, one])).toThrow(/twice/);
    expect(() =>
      fallback([
        { backend: one, name: "x" },
        { backend: memoryBackend(), name: "x" },
      ]),
    ).toThrow(/named "x"/);
    expect(() => fallback([undefined as never])).toThrow(/must be a backend/);
    expect(() => withLimits(one, { concurrency: 0 })).toThrow(/concurrency must be above 0/);
    expect(() => withRetry(one, { attempts: 0 })).toThrow(/attempts/);
    expect(() => withCache(one, {} as never)).toThrow(/store must have/);
  });
});

describe("route", () => {
  const members = {
    dear: { backend: memoryBackend({ id: "dear" }), usdPerImage: 0.04, msPerImage: 900 },
    cheap: { backend: memoryBackend({ id: "cheap", usdPerImage: 0.003 }), msPerImage: 8000 },
    unknown: memoryBackend({ id: "unknown" }),
  };
  it.each([
    [{}, "cheap"],
    [{ prefer: "fastest" }, "dear"],
    [{ prefer: ["unknown", "dear"] }, "unknown"],
    [{ maxMs: 1000 }, "dear"],
    [{ maxUsd: 0.01, prefer: "fastest" }, "cheap"],
  ] as const)("chooses by %j before anything is billed", async (rules, expected) => {
    expect((await run(route(members, rules))).result?.recipe.backend).toBe(expected);
  });

  it("refuses what is over its limits, with the prices", async () => {
    const { error } = await run(route(members, { maxUsd: 0.005 }), { ...request, count: 2 });
    expect(error).toMatchObject({ code: "unsupported", issues: [{ field: "maxUsd" }] });
    expect(String(error)).toMatch(
      /0.005 USD: dear \(0.08 USD, 1800 ms\), cheap \(0.006 USD, 16000 ms\), unknown \(price/,
    );
  });
});

describe("pool", () => {
  it("shares jobs, waits its turn, and lets who can't be reached rest", async () => {
    const [a, b] = [memoryBackend({ id: "a", stepMs: 5 }), memoryBackend({ id: "b", stepMs: 5 })];
    const shared = createClient({ backend: pool([a, b], { concurrency: 1 }) });
    const jobs = await Promise.all([1, 2, 3, 4].map((seed) => shared.generate({ ...request, seed })));
    expect([a.begun, b.begun]).toEqual([2, 2]);
    expect(jobs.map(({ recipe }) => recipe.backend).sort()).toEqual(["a", "a", "b", "b"]);
    const sick = breaking(refused, "submit");
    const rest = createClient({ backend: pool([sick, memoryBackend({ id: "well" })]) });
    for (let i = 0; i < 3; i++) expect((await rest.generate(request)).recipe.backend).toBe("well");
    let tries = 0;
    const counted = memoryBackend({
      id: "first",
      breaks: (_, at) => (at === "submit" && tries++ >= 0 ? refused() : undefined),
    });
    const again = createClient({ backend: pool([counted, memoryBackend({ id: "well" })]) });
    for (let i = 0; i < 3; i++) await again.generate(request);
    expect(tries).toBe(1);
  });
});

describe("withCache", () => {
  it("makes equal requests once, also at the same time, and others anew", async () => {
    const backend = memoryBackend();
    const client = createClient({ backend: withCache(backend, memoryStore()) });
    const [one, two] = await Promise.all([client.generate(request), client.generate(request)]);
    const three = await client.generate({ ...request, previewEvery: 2 });
    expect(backend.begun).toBe(1);
    expect(three.metrics).toMatchObject({ cached: true });
    for (const { images } of [two, three]) expect(await images[0]!.bytes()).toEqual(await one.images[0]!.bytes());
    await client.generate({ ...request, seed: 4 });
    await client.generate({ ...request, negativePrompt: "n" });
    expect(backend.begun).toBe(3);
  });

  it("makes an entry anew that was cut short, and goes on where nothing can be kept", async () => {
    const folder = await mkdtemp(join(tmpdir(), "latentkit-cache-"));
    const backend = memoryBackend();
    const cached = withCache(backend, diskStore(folder));
    await run(cached);
    const [entry] = await readdir(folder);
    const path = join(folder, entry!);
    await writeFile(path, (await readFile(path, "utf8")).slice(0, -20));
    expect((await run(cached)).logs).toContain("memory: a cache entry was cut short, and is made anew");
    expect((await run(cached)).logs).toContain("memory: taken from the cache");
    expect(backend.begun).toBe(2);
    const full = { getItem: () => null, setItem: () => Promise.reject(new Error("ENOSPC")), removeItem: () => {} };
    const { result, logs } = await run(withCache(memoryBackend(), full));
    expect(result?.images).toHaveLength(1);
    expect(logs).toContain("memory: nothing was kept: ENOSPC");
  });

  it("keeps no failures, and nothing without a key", async () => {
    const half = memoryBackend({ fails: (_, index) => index === 1 });
    const cached = withCache(half, memoryStore());
    for (let i = 0; i < 2; i++) await run(cached, { ...request, count: 2 });
    expect(half.begun).toBe(2);
    const never = memoryBackend();
    for (let i = 0; i < 2; i++) await run(withCache(never, memoryStore(), { key: () => null }));
    expect(never.begun).toBe(2);
  });
});

describe("withHooks", () => {
  it("changes requests, and the recipe says so; refuses them; keeps pictures back; tells the end", async () => {
    const outcomes: unknown[] = [];
    const after = ({ images, ms, error }: { images: readonly unknown[]; ms: number; error?: unknown }) =>
      void outcomes.push([images.length, ms > 0, error]);
    const changed = withHooks(memoryBackend(), { before: (asked) => ({ ...asked, steps: 2 }) as typeof asked, after });
    expect((await run(changed)).result?.recipe.request.steps).toBe(2);
    const no = new ContentRefusedError("No.");
    const refusing = memoryBackend();
    const { error } = await run(withHooks(refusing, { before: () => Promise.reject(no), after }));
    expect(error).toMatchObject({ code: "content_refused" });
    expect(refusing.begun).toBe(0);
    const one = withHooks(memoryBackend(), {
      onEvent: (event) => (event.type === "image" && event.index === 0 ? null : undefined),
      after,
    });
    const { result } = await run(one, { ...request, count: 2 });
    expect(result?.images.map(({ index }) => index)).toEqual([1]);
    expect(result?.failures).toMatchObject([{ index: 0, error: { code: "content_refused" } }]);
    expect(outcomes).toEqual([
      [1, true, undefined],
      [0, true, no],
      [1, true, undefined],
    ]);
  });
});

describe("withLimits", () => {
  it("lets so many run at once, tells the others that they wait, and gives a cancelled one's turn away", async () => {
    const backend = memoryBackend({ stepMs: 5 });
    const client = createClient({ backend: withLimits(backend, { concurrency: 2 }) });
    let most = 0;
    const jobs = [1, 2, 3, 4, 5].map((seed) => client.generate({ ...request, seed }));
    jobs[3]!.cancel();
    const events: unknown[] = [];
    jobs[4]!.on("queued", ({ position }) => events.push(position));
    for (const job of jobs) job.on("progress", () => (most = Math.max(most, backend.running)));
    const ends = await Promise.allSettled(jobs);
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(most).toBe(2);
    expect(events[0]).toBeGreaterThan(0);
  });

  it("refuses what a budget doesn't cover before it is billed, and gives back what never began", async () => {
    const backend = memoryBackend({ usdPerImage: 0.4 });
    const limited = withLimits(backend, { budgetUsd: 1 });
    await run(limited, { ...request, count: 2 });
    expect(limited.spentUsd).toBeCloseTo(0.8);
    const { error } = await run(limited);
    expect(BudgetError.isInstance(error) && error.details).toMatchObject({ costUsd: 0.4, budgetUsd: 1 });
    expect(backend.begun).toBe(1);
    const broken = withLimits(breaking(refused, "submit", { usdPerImage: 0.4 }), { budgetUsd: 1 });
    await run(broken);
    expect(broken.spentUsd).toBe(0);
    expect((await run(withLimits(memoryBackend(), { budgetUsd: 1 }))).error).toMatchObject({ code: "budget" });
  });
});

describe("withPrices", () => {
  it("tells prices by model, refuses those that are none, and says what a job cost", async () => {
    const priced = withPrices(memoryBackend(), { stripes: 0.01, "owner/dear": 0.5 });
    expect((await priced.capabilities()).usdPerImage).toBe(0.01);
    expect((await priced.capabilities("owner/dear:5c7d")).usdPerImage).toBe(0.5);
    expect((await withPrices(memoryBackend(), { other: 1 }).capabilities()).usdPerImage).toBeUndefined();
    expect((await run(priced, { ...request, count: 3 })).result?.metrics.costUsd).toBeCloseTo(0.03);
    const cached = withPrices(withCache(memoryBackend(), memoryStore()), 0.2);
    await run(cached);
    expect((await run(cached)).result?.metrics).toMatchObject({ cached: true, costUsd: 0 });
    for (const wrong of [-1, Number.NaN, { a: "1" }, undefined] as never[])
      expect(() => withPrices(memoryBackend(), wrong)).toThrow(/usdPerImage: must be US dollars/);
  });

  it("lets a budget around a composition reckon with the dearest, and settle at what was taken", async () => {
    const free = memoryBackend({ id: "free", usdPerImage: 0, sides: { min: 8, max: 32 } });
    const paid = memoryBackend({ id: "paid" });
    const limited = withLimits(fallback([free, { backend: paid, usdPerImage: 0.4 }]), { budgetUsd: 1 });
    for (let i = 0; i < 4; i++) expect((await run(limited)).error).toBeUndefined();
    expect(limited.spentUsd).toBe(0);
    const large = { ...request, width: 64, height: 64 };
    for (let i = 0; i < 2; i++) expect((await run(limited, large)).error).toBeUndefined();
    expect(limited.spentUsd).toBeCloseTo(0.8);
    expect((await run(limited, large)).error).toMatchObject({ code: "budget" });
    expect(paid.begun).toBe(2);
    const unknown = withLimits(fallback([free, memoryBackend({ id: "unknown" })]), { budgetUsd: 1 });
    expect((await run(unknown)).error).toMatchObject({ code: "budget", message: expect.stringMatching(/not known/) });
  });

  it("lets a cache inside a budget cost nothing the second time", async () => {
    const limited = withLimits(withCache(memoryBackend({ usdPerImage: 0.4 }), memoryStore()), { budgetUsd: 1 });
    for (let i = 0; i < 4; i++) await run(limited);
    expect(limited.spentUsd).toBeCloseTo(0.4);
  });
});

describe("withHooks, held to the contract", () => {
  it("fails a job of which every picture was kept back, and refuses a change that the backend can't do", async () => {
    const none = withHooks(memoryBackend(), { onEvent: (event) => (event.type === "image" ? null : event) });
    expect((await run(none, { ...request, count: 2 })).error).toMatchObject({ code: "content_refused" });
    const backend = memoryBackend();
    const wide = withHooks(backend, { before: (asked) => ({ ...asked, width: 100_000 }) as typeof asked });
    expect((await run(wide)).error).toMatchObject({ code: "unsupported", issues: [{ field: "width" }] });
    expect(backend.begun).toBe(0);
  });
});

describe("withRetry", () => {
  it("tries again what may be retried, and nothing that was lost after it was taken", async () => {
    let left = 2;
    const error = () => new RateLimitError("later");
    const backend = memoryBackend({ breaks: (_, at) => (at === "submit" && left-- > 0 ? error() : undefined) });
    const { result, logs } = await run(withRetry(backend, { minMs: 1 }));
    expect(result?.images).toHaveLength(1);
    expect(logs.filter((message) => /try \d of 3 failed \(later\): again in/.test(message))).toHaveLength(2);
    for (const [once, at] of [
      [lost, "queued"],
      [() => new GenerationError("broke"), "started"],
    ] as const) {
      const failing = breaking(once, at);
      expect((await run(withRetry(failing, { minMs: 1 }))).error).toBeDefined();
      expect(failing.begun).toBe(1);
    }
  });
});

describe("any composition", () => {
  const all: Record<string, (backend: Backend) => Backend> = {
    fallback: (backend) => fallback([backend, { ...backend, id: "other" }]),
    route: (backend) => route([backend, { ...backend, id: "other" }]),
    pool: (backend) => pool([backend, { ...backend, id: "other" }]),
    withCache: (backend) => withCache(backend, memoryStore()),
    withHooks: (backend) => withHooks(backend, {}),
    withLimits: (backend) => withLimits(backend, { concurrency: 1 }),
    withRetry: (backend) => withRetry(backend),
  };

  it.each(Object.entries(all))("%s passes on whether models are a server's own names", (_, compose) => {
    const names = Object.assign(memoryBackend({ id: "server" }), { modelsAreNames: true });
    expect(compose(names).modelsAreNames).toBe(true);
    expect(compose(memoryBackend({ id: "files" })).modelsAreNames).toBe(false);
  });

  it("of several takes models for names only where all of them do", () => {
    const names = Object.assign(memoryBackend({ id: "server" }), { modelsAreNames: true });
    expect(fallback([names, memoryBackend({ id: "files" })]).modelsAreNames).toBe(false);
  });
});
