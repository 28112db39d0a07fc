import { createClient, encodeImage, readRecipe, sha256 } from "@latentkit/core";
import { eventually, memoryBackend } from "@latentkit/testing";
import { describe, expect, it } from "vitest";
import { hashApiKey, newApiKey } from "./access/api-key.ts";
import { createServer } from "./create-server.ts";
import { eventsIn, harness } from "./testing/harness.ts";

const photo = await encodeImage({ width: 16, height: 16, channels: 3, data: new Uint8Array(768).fill(90) }, "png");

describe("a job over HTTP", () => {
  it("is taken, followed, and had by its id, with its recipe in the picture", async () => {
    const { call, url } = await harness();
    const taken = await call("/v1/jobs", { json: { prompt: "a", seed: 7, count: 2 } });
    expect(taken.status).toBe(202);
    const { id } = taken.json;
    expect(taken.headers.get("location")).toBe(`/v1/jobs/${id}`);
    const done = await call(`/v1/jobs/${id}?wait=true`);
    expect(done.json).toMatchObject({
      status: "completed",
      images: [
        { index: 0, seed: 7, width: 16, height: 16, mediaType: "image/png", url: `/v1/jobs/${id}/images/0` },
        { index: 1, seed: 8 },
      ],
      recipe: { latentkit: "recipe", request: { seed: 7, steps: 4 } },
      warnings: [],
      failures: [],
    });
    const picture = await fetch(`${url}/v1/jobs/${id}/images/1`);
    expect(picture.headers.get("content-type")).toBe("image/png");
    const bytes = new Uint8Array(await picture.arrayBuffer());
    const recipe = await readRecipe(bytes);
    expect(recipe.request.seed).toBe(8);
    expect((await fetch(`${url}/v1/jobs/${id}/images/1?format=webp`)).headers.get("content-type")).toBe("image/webp");
    const again = await call("/v1/jobs?wait=true", { json: recipe });
    expect(again.json.warnings).toEqual([]);
    const same = await fetch(`${url}${again.json.images[0].url}`);
    expect(Buffer.compare(new Uint8Array(await same.arrayBuffer()), bytes)).toBe(0);
  });

  it("tells its events, and from any event on to who comes again", async () => {
    const { call } = await harness();
    const request = { prompt: "a", seed: 7, previewEvery: 2 };
    const all = eventsIn((await call("/v1/jobs", { json: request, headers: { accept: "text/event-stream" } })).text);
    const types = all.map(({ event }) => event);
    expect(types.filter((type) => type !== "preview")).toEqual([
      ...["queued", "started", "progress", "progress", "progress", "progress", "image", "completed", "done"],
    ]);
    expect(all.find(({ event }) => event === "preview")?.data.image).toMatch(/^data:image\/jpeg;base64,/);
    expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).toSorted((a, b) => a - b));
    const job = all[0]!.data.job;
    const middle = all.find(({ event }) => event === "started")!;
    const rest = eventsIn(
      (await call(`/v1/jobs/${job}/events`, { headers: { "last-event-id": String(middle.id) } })).text,
    );
    const after = (told: typeof all) => told.filter(({ id, event }) => id > middle.id && event !== "preview");
    expect(after(rest)).toEqual(after(all));
    expect(rest.at(-1)).toMatchObject({ event: "done", data: { status: "completed", id: job } });
    const whole = eventsIn((await call(`/v1/jobs/${job}/events?images=dataUrl`)).text);
    expect(whole.find(({ event }) => event === "image")?.data.image).toMatch(/^data:image\/png;base64,/);
  });

  it("goes on when its reader goes away, and stops when it is cancelled", async () => {
    const { call, backend, url } = await harness({}, { stepMs: 20 });
    const { json } = await call("/v1/jobs", { json: { prompt: "a", steps: 200 } });
    const controller = new AbortController();
    const stream = await fetch(`${url}/v1/jobs/${json.id}/events`, { signal: controller.signal });
    await stream.body!.getReader().read();
    controller.abort();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(backend.running).toBe(1);
    const cancelled = await call(`/v1/jobs/${json.id}/cancel`, { method: "POST" });
    expect(cancelled.json).toMatchObject({ status: "cancelled", error: { code: "aborted" } });
    expect(backend.running).toBe(0);
    expect(eventsIn((await call(`/v1/jobs/${json.id}/events`)).text).at(-1)).toMatchObject({ event: "error" });
    expect((await call(`/v1/jobs/${json.id}`, { method: "DELETE" })).status).toBe(204);
    expect((await call(`/v1/jobs/${json.id}`)).status).toBe(404);
    const leaving = await fetch(`${url}/v1/jobs?cancelOnLeave`, {
      method: "POST",
      headers: { accept: "text/event-stream", "content-type": "application/json" },
      body: JSON.stringify({ prompt: "a", steps: 200 }),
    });
    await leaving.body!.cancel();
    expect(await eventually(() => backend.running === 0)).toBe(true);
  });

  it("is begun once however often the same order comes", async () => {
    const { call, backend } = await harness();
    const headers = { "idempotency-key": "order-1" };
    const order = () => call("/v1/jobs?wait=true", { json: { prompt: "a" }, headers });
    const answers = await Promise.all([order(), order(), order()]);
    expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1);
    expect(answers.filter(({ headers: all }) => all.get("idempotency-replayed")).length).toBe(2);
    expect(backend.begun).toBe(1);
    const other = await call("/v1/jobs", { json: { prompt: "b" }, headers });
    expect(other).toMatchObject({ status: 422, json: { error: { code: "idempotency" } } });
    // A refused order costs nothing, and its key is free again.
    const refused = { "idempotency-key": "order-2" };
    expect((await call("/v1/jobs", { json: { prompt: "a", steps: 0 }, headers: refused })).status).toBe(400);
    expect((await call("/v1/jobs", { json: { prompt: "a", steps: 1 }, headers: refused })).status).toBe(202);
    const { json } = answers[0]!;
    await call(`/v1/jobs/${json.id}`, { method: "DELETE" });
    expect(await order()).toMatchObject({ status: 410, json: { error: { code: "gone" } } });
    expect(backend.begun).toBe(2);
  });

  it("is refused with the field's name, before any work", async () => {
    const { call, backend } = await harness();
    const cases: [unknown, number, string][] = [
      [{ prompt: "a", steps: 0 }, 400, "steps"],
      [{ prompt: "a", stepz: 3 }, 400, "stepz"],
      [{ prompt: "a", width: 20 }, 422, "width"],
      [{ prompt: "a", steps: 500 }, 422, "steps"],
      [{ prompt: "a", count: 11 }, 422, "count"],
      [{ prompt: "a", width: 8192, height: 8192 }, 422, "width"],
      [{ prompt: "a", width: 4096, height: 4096, hires: { scale: 2 } }, 422, "hires.scale"],
      [{ prompt: "a", model: "/etc/passwd" }, 422, "model"],
      [{ prompt: "a", loras: [{ model: "../x" }] }, 422, "loras[0].model"],
      [{ prompt: "a <lora:/etc/passwd:1>", promptSyntax: "a1111" }, 422, "loras[0].model"],
      [{ prompt: "a", image: "/etc/passwd" }, 422, "image"],
      [{ prompt: "a", image: "file:///etc/passwd" }, 422, "image"],
      [{ prompt: "a", image: "http://169.254.169.254/" }, 422, "image"],
      [{ prompt: "a", backendOptions: { memory: { webhook: "http://x" } } }, 422, "backendOptions.memory"],
      [{ prompt: "a", image: { sha256: "0".repeat(64), size: 3 } }, 400, "image"],
      ["text", 400, ""],
      [[1], 400, ""],
    ];
    for (const [json, status, field] of cases) {
      const answer = await call("/v1/jobs", { json });
      expect([answer.status, answer.json.error.details.issues[0].field], JSON.stringify(json)).toEqual([status, field]);
    }
    const recipe = (request: object) => ({ latentkit: "recipe", version: 1, backend: "memory", versions: {}, request });
    for (const request of [
      { prompt: "a", image: "/etc/passwd" },
      { prompt: "a", model: "/m" },
    ]) {
      expect((await call("/v1/jobs", { json: recipe(request) })).status).toBe(422);
    }
    expect(backend.begun).toBe(0);
  });
});

describe("what a server is told and shows", () => {
  it("takes uploads, by hash and beside the request, and reads recipes from pictures", async () => {
    const { call, url } = await harness();
    const upload = await call("/v1/uploads", { method: "POST", body: photo });
    expect(upload).toMatchObject({ status: 201, json: { sha256: sha256(photo), size: photo.length, width: 16 } });
    expect((await call(`/v1/uploads/${sha256(photo)}`)).json.mediaType).toBe("image/png");
    const image = { sha256: upload.json.sha256, size: upload.json.size };
    // The in-memory backend draws from text alone: it is the backend that says no here, after the upload was found.
    const asked = await call("/v1/jobs", { json: { prompt: "a", image } });
    expect(asked.json.error).toMatchObject({ code: "unsupported", details: { issues: [{ field: "task" }] } });
    const form = new FormData();
    form.set("request", JSON.stringify({ prompt: "a" }));
    form.set("image", new Blob([photo]), "photo.png");
    expect((await call("/v1/jobs", { method: "POST", body: form })).json.error.details.issues[0].field).toBe("task");
    const { json } = await call("/v1/jobs?wait=true", { json: { prompt: "a", seed: 3 } });
    const picture = await (await fetch(`${url}${json.images[0].url}`)).blob();
    const read = await call("/v1/recipes", { method: "POST", body: picture });
    expect(read.json.recipe.request).toMatchObject({ prompt: "a", seed: 3 });
    expect((await call("/v1/recipes", { method: "POST", body: photo })).status).toBe(400);
  });

  it("says what it can do, whether it is well, and what its routes are", async () => {
    const { call } = await harness({ models: ["big", "small"], maxCount: 3 });
    expect((await call("/v1/capabilities")).json).toMatchObject({
      backend: "memory",
      server: { limits: { maxCount: 3 }, names: { models: ["big", "small"] } },
    });
    expect((await call("/v1/capabilities?model=nope")).status).toBe(422);
    expect((await call("/healthz")).json).toEqual({ status: "ok" });
    expect((await call("/readyz")).json).toEqual({ status: "ready" });
    const document = (await call("/v1/openapi.json")).json;
    expect(document.openapi).toBe("3.1.0");
    const { Validator } = await import("@seriousme/openapi-schema-validator");
    expect(await new Validator().validate(document)).toMatchObject({ valid: true });
    expect(JSON.stringify(document.components.schemas.GenerationRequest)).toContain("guidanceScale");
  });

  it("shows names, and never what lies behind them", async () => {
    const backend = memoryBackend();
    const seen: unknown[] = [];
    const generate: typeof backend.generate = (request, options) => {
      seen.push(request.model);
      return backend.generate(request, options);
    };
    const server = createServer(createClient({ backend: { ...backend, generate } }), {
      models: { fox: "/secret/fox.st" },
    });
    const answer = await server.fetch(
      new Request("http://localhost/v1/jobs?wait=true", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ prompt: "a", model: "fox" }),
      }),
    );
    const text = await answer.text();
    expect(seen).toEqual(["/secret/fox.st"]);
    expect(JSON.parse(text).recipe.request.model).toBe("fox");
    expect(text).not.toContain("secret");
    await server.close(0);
  });
});

describe("who may call", () => {
  it("is loopback's names alone where there is no key, and no page of another site", async () => {
    const server = createServer(createClient({ backend: memoryBackend() }), { cors: ["https://app.example"] });
    const status = async (url: string, headers: Record<string, string> = {}, method = "GET") =>
      (await server.fetch(new Request(url, { headers, method }))).status;
    expect(await status("http://127.0.0.1:8188/v1/jobs")).toBe(200);
    expect(await status("http://[::1]:8188/v1/jobs")).toBe(200);
    expect(await status("http://evil.example/v1/jobs")).toBe(403);
    expect(await status("http://localhost/v1/jobs", { host: "evil.example" })).toBe(403);
    expect(await status("http://localhost.evil.example/v1/jobs")).toBe(403);
    expect(await status("http://localhost/v1/jobs", { origin: "https://evil.example" })).toBe(403);
    expect(await status("http://localhost/v1/jobs", { origin: "null" })).toBe(403);
    expect(await status("http://localhost/v1/jobs", { "sec-fetch-site": "cross-site" })).toBe(403);
    expect(await status("http://localhost/v1/jobs", { origin: "http://localhost" })).toBe(200);
    expect(await status("http://localhost/v1/jobs", { origin: "https://app.example" }, "OPTIONS")).toBe(204);
    const allowed = await server.fetch(
      new Request("http://localhost/v1/jobs", { headers: { origin: "https://app.example" } }),
    );
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://app.example");
    // A form, or plain text, is what a page may send without asking first.
    const plain = new Request("http://localhost/v1/jobs", { method: "POST", body: '{"prompt":"a"}' });
    expect((await server.fetch(plain)).status).toBe(415);
    expect(await status("http://pod.internal/healthz")).toBe(200);
    await server.close(0);
  });

  it("is who shows a key, in any of three ways, and each sees its own jobs", async () => {
    const [anna, ben] = [newApiKey(), newApiKey()];
    const lines: object[] = [];
    const apiKeys = { anna: hashApiKey(anna), ben: hashApiKey(ben) };
    const { call } = await harness({ apiKeys, log: (entry) => lines.push(entry) });
    const denied = await call("/v1/jobs");
    expect(denied).toMatchObject({ status: 401, json: { error: { code: "unauthorized" } } });
    expect(denied.headers.get("www-authenticate")).toContain("Bearer");
    expect((await call("/v1/jobs", { headers: { authorization: `Bearer ${anna}x` } })).status).toBe(401);
    const ways: Record<string, string>[] = [
      { authorization: `Bearer ${anna}` },
      { "x-api-key": anna },
      { authorization: `Basic ${Buffer.from(`user:${anna}`).toString("base64")}` },
    ];
    for (const headers of ways) expect((await call("/v1/jobs", { headers })).status).toBe(200);
    const { json } = await call("/v1/jobs?wait=true", { json: { prompt: "a secret wish" }, headers: ways[1]! });
    expect((await call(`/v1/jobs/${json.id}`, { headers: { "x-api-key": ben } })).status).toBe(404);
    expect((await call("/v1/jobs", { headers: { "x-api-key": ben } })).json).toEqual({ jobs: [] });
    const log = JSON.stringify(lines);
    expect(log).not.toContain("secret wish");
    expect(log).not.toContain(anna);
    expect(lines).toContainEqual(
      expect.objectContaining({ type: "job", key: "anna", job: json.id, outcome: "completed" }),
    );
  });

  it("refuses hosts beyond this machine without a key, and wrong options, by name", async () => {
    await expect(harness({ host: "0.0.0.0" })).rejects.toThrow(/host 0\.0\.0\.0.*insecure/);
    await expect(harness({ apiKeys: ["plain"] })).rejects.toThrow(/apiKeys.*sha256/);
    await expect(harness({ maxCount: 0 })).rejects.toThrow(/maxCount/);
    await expect(harness({ nonsense: 1 } as object)).rejects.toThrow(/nonsense/);
    const open = await harness({ host: "0.0.0.0", insecure: true });
    expect((await fetch(`http://127.0.0.1:${open.server.port}/healthz`)).status).toBe(200);
  });
});

describe("shutting down", () => {
  it("lets a running job finish, tells its reader, and takes nothing new", async () => {
    const { call, server, url } = await harness({}, { stepMs: 20 });
    const { json } = await call("/v1/jobs", { json: { prompt: "a", steps: 10 } });
    await eventually(async () => (await call(`/v1/jobs/${json.id}`)).json.status === "running");
    const stream = fetch(`${url}/v1/jobs/${json.id}/events`).then((response) => response.text());
    await new Promise((resolve) => setTimeout(resolve, 30));
    const closed = server.close(5000);
    expect(eventsIn(await stream).at(-1)).toMatchObject({ event: "done" });
    await closed;
    await expect(fetch(url)).rejects.toThrow();
  });

  it("hands back what is not done in time", async () => {
    const { call, server, backend, url } = await harness({}, { stepMs: 50 });
    const { json } = await call("/v1/jobs", { json: { prompt: "a", steps: 200 } });
    const stream = fetch(`${url}/v1/jobs/${json.id}/events`).then((response) => response.text());
    await new Promise((resolve) => setTimeout(resolve, 50));
    await server.close(50);
    expect(eventsIn(await stream).at(-1)).toMatchObject({
      event: "error",
      data: { code: "shutting_down", retryable: true, details: { handedBack: true } },
    });
    expect(backend.running).toBe(0);
  });
});
