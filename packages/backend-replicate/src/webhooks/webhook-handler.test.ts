import { createHmac } from "node:crypto";
import { AuthenticationError, ConfigError, GenerationError } from "@latentkit/core";
import { describe, expect, it } from "vitest";
import { verifyWebhook } from "./verify-webhook.ts";
import { type WebhookNews, webhookHandler } from "./webhook-handler.ts";

const secret = `whsec_${Buffer.from("a key of some bytes").toString("base64")}`;

function sign(id: string, timestamp: number, body: string, key = secret): string {
  const bytes = Buffer.from(key.slice("whsec_".length), "base64");
  return `v1,${createHmac("sha256", bytes).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

function delivery(body: unknown, { id = "msg_1", age = 0, signature = undefined as string | undefined } = {}): Request {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const timestamp = Math.floor(Date.now() / 1000) - age;
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": `${timestamp}`,
    "webhook-signature": signature ?? sign(id, timestamp, text),
  };
  return new Request("https://example.org/hook", { method: "POST", body: text, headers });
}

const state = (status: string, fields: object = {}) => ({
  id: "p1",
  status,
  model: "acme/painter",
  output: null,
  ...fields,
});

function listening() {
  const news: WebhookNews[] = [];
  const handle = webhookHandler({ secret, onNews: (each) => void news.push(each) });
  return { news, handle };
}

describe("a webhook's signature", () => {
  it("is the one of the Standard Webhooks example", () => {
    const example = {
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      timestamp: "1614265330",
      body: '{"test": 2432232314}',
      signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };
    const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const now = 1614265330_000;
    expect(() => verifyWebhook(example, key, now)).not.toThrow();
    expect(() => verifyWebhook({ ...example, body: '{"test": 1}' }, key, now)).toThrow(/signature/);
    expect(() => verifyWebhook(example, key, now + 301_000)).toThrow(/five minutes/);
    expect(() => verifyWebhook(example, key, now - 301_000)).toThrow(/five minutes/);
    expect(() => verifyWebhook({ ...example, timestamp: null }, key, now)).toThrow(AuthenticationError);
  });

  it("may stand among others, as while a secret is changed", () => {
    const now = Date.now();
    const timestamp = Math.floor(now / 1000);
    const others = `v1,${Buffer.from("other").toString("base64")} v2,abc ${sign("m", timestamp, "{}")}`;
    expect(() =>
      verifyWebhook({ id: "m", timestamp: `${timestamp}`, signature: others, body: "{}" }, secret, now),
    ).not.toThrow();
  });
});

describe("a webhook's secret", () => {
  it("must not be empty: anyone could sign", () => {
    const timestamp = Math.floor(Date.now() / 1000);
    const forged = createHmac("sha256", "").update(`m.${timestamp}.{}`).digest("base64");
    const given = { id: "m", timestamp: `${timestamp}`, signature: `v1,${forged}`, body: "{}" };
    for (const empty of ["", "whsec_"]) expect(() => verifyWebhook(given, empty)).toThrow(ConfigError);
  });

  it("is asked for once, and not for what is refused without it", async () => {
    let asked = 0;
    const ask = () => {
      if (++asked === 1) throw new AuthenticationError("the API refused the token");
      return secret;
    };
    const handle = webhookHandler({ secret: ask, onNews: () => {} });
    const unsigned = new Request("https://example.org/hook", { method: "POST", body: "{}" });
    expect((await handle(unsigned)).status).toBe(401);
    expect((await handle(delivery(state("starting"), { age: 400 }))).status).toBe(401);
    expect(asked).toBe(0);
    await expect(handle(delivery(state("starting")))).rejects.toThrow("the API refused the token");
    for (const id of ["a", "b"]) expect((await handle(delivery(state("starting"), { id }))).status).toBe(200);
    expect(asked).toBe(2);
  });
});

describe("the webhook handler", () => {
  it("tells deliveries as a job's events, each thing once", async () => {
    const { news, handle } = listening();
    const logs = "Using seed: 3\n 50%|█| 1/2 [00:01<00:01]\r";
    const url = "https://replicate.delivery/x/out.png";
    const states = [
      state("starting"),
      state("processing", { logs }),
      state("processing", { logs: `${logs}100%|█| 2/2 [00:02<00:00]\r`, output: [url] }),
      state("succeeded", { logs, output: [url], metrics: { predict_time: 2 }, completed_at: "2026-11-23T10:00:00Z" }),
    ];
    for (const [i, each] of states.entries()) expect((await handle(delivery(each, { id: `m${i}` }))).status).toBe(200);
    const types = news.flatMap(({ events }) => events.map(({ type }) => type));
    expect(types).toEqual(["started", "log", "progress", "progress", "image", "completed"]);
    const image = news.flatMap(({ events }) => events).find((event) => event.type === "image");
    expect(image).toMatchObject({ index: 0, seed: "3", image: { kind: "url", url, mediaType: "image/png" } });
    expect(news.at(-1)?.events.at(-1)).toMatchObject({ metrics: { billedSeconds: 2 } });
  });

  it("knows a training, whose weights are no picture", async () => {
    const { news, handle } = listening();
    const urls = { get: "https://api.replicate.com/v1/trainings/t1" };
    const output = { version: "me/x:1", weights: "https://replicate.delivery/x/weights.tar" };
    await handle(delivery(state("succeeded", { urls, output })));
    expect(news[0]?.events.map(({ type }) => type)).toEqual(["started", "completed"]);
    await handle(delivery({ ...state("failed", { urls, error: "no pictures" }), id: "t2" }, { id: "msg_2" }));
    expect(news[1]?.error?.message).toContain("training t2");
  });

  it("tells the end once, though several deliveries bring it, and the seed that was sent", async () => {
    const { news, handle } = listening();
    const output = ["https://replicate.delivery/x/out.png"];
    for (const id of ["output", "completed"])
      await handle(delivery(state("succeeded", { output, input: { seed: 12 } }), { id }));
    const events = news.flatMap((each) => each.events);
    expect(events.map(({ type }) => type)).toEqual(["started", "image", "completed"]);
    expect(events[1]).toMatchObject({ seed: 12 });
  });

  it("gives the typed error of a prediction that failed", async () => {
    const { news, handle } = listening();
    await handle(delivery(state("failed", { error: "no such style" })));
    expect(GenerationError.isInstance(news[0]?.error) && news[0].error.message).toContain("no such style");
  });

  it("refuses bad and old signatures, other methods, and what is no prediction", async () => {
    const { news, handle } = listening();
    expect((await handle(delivery(state("starting"), { signature: "v1,AAAA" }))).status).toBe(401);
    expect((await handle(delivery(state("starting"), { age: 400 }))).status).toBe(401);
    expect((await handle(new Request("https://example.org/hook"))).status).toBe(405);
    expect((await handle(delivery("not json"))).status).toBe(400);
    expect(news).toEqual([]);
  });

  it("tells a replayed delivery once, and one whose listener failed again", async () => {
    const { news, handle } = listening();
    const twice = () => delivery(state("processing"), { id: "same" });
    expect((await handle(twice())).status).toBe(200);
    expect((await handle(twice())).status).toBe(200);
    expect(news).toHaveLength(1);

    let calls = 0;
    const failing = webhookHandler({
      secret,
      onNews: () => {
        if (++calls === 1) throw new Error("the database is down");
      },
    });
    await expect(failing(delivery(state("processing"), { id: "again" }))).rejects.toThrow("database");
    expect((await failing(delivery(state("processing"), { id: "again" }))).status).toBe(200);
    expect(calls).toBe(2);
  });

  it("makes a repeated delivery wait for the first: told once, or again where that failed", async () => {
    for (const fails of [false, true]) {
      const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
      const { promise: called, resolve: isCalled } = Promise.withResolvers<void>();
      let calls = 0;
      const handle = webhookHandler({
        secret,
        onNews: async () => {
          if (++calls > 1) return;
          isCalled();
          await held;
          if (fails) throw new Error("the database is down");
        },
      });
      const send = () => handle(delivery(state("processing"), { id: "same" })).then(({ status }) => status);
      const first = send().catch((error: Error) => error.message);
      await called;
      let answered = 0;
      const others = [send(), send()].map((answer) => answer.finally(() => answered++));
      await new Promise((resolve) => setTimeout(resolve, 20));
      // An answer now would say that the news is safe.
      expect([answered, calls]).toEqual([0, 1]);
      letGo();
      expect(await first).toBe(fails ? "the database is down" : 200);
      expect(await Promise.all(others)).toEqual([200, 200]);
      expect(calls).toBe(fails ? 2 : 1);
    }
  });

  it("reads a log of a million lines", async () => {
    const { news, handle } = listening();
    const logs = "a line\n".repeat(1_000_000);
    expect((await handle(delivery(state("succeeded", { logs })))).status).toBe(200);
    expect(news[0]?.events.filter(({ type }) => type === "log")).toHaveLength(1_000_000);
    expect(news[0]?.events.at(-1)?.type).toBe("completed");
  });
});
