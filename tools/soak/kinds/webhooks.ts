import { createHmac } from "node:crypto";
import { webhookHandler } from "../../../packages/backend-replicate/src/index.ts";
import { Fault, type Kind } from "../kind.ts";
import { mutatedJson } from "../random.ts";

const secret = `whsec_${Buffer.from("a key of some bytes").toString("base64")}`;
const prediction = {
  id: "p1",
  status: "succeeded",
  model: "acme/painter",
  logs: "Using seed: 3\n 50%|█| 1/2 [00:01<00:01]\r",
  output: ["https://replicate.delivery/x/out.png"],
  metrics: { predict_time: 2 },
  urls: { get: "https://api.replicate.com/v1/predictions/p1" },
};

/** Deliveries, changed before or after they are signed, repeated, old, of the future: told once, or refused. */
export async function webhooks(): Promise<Kind> {
  const told = new Map<string, number>();
  let current = "";
  const handle = webhookHandler({
    secret,
    maxBytes: 100_000,
    onNews: () => void told.set(current, (told.get(current) ?? 0) + 1),
  });
  let trial = 0;
  return {
    longestMs: 5000,
    async once(random) {
      current = `m${++trial}`;
      const body =
        random.next() < 0.1
          ? "x".repeat(200_000)
          : JSON.stringify(mutatedJson({ ...prediction, id: `p${random.below(50)}` }, random));
      const timestamp = Math.floor(Date.now() / 1000) + random.pick([0, 0, 0, 0, -400, 400, Number.NaN]);
      const signature = createHmac("sha256", Buffer.from(secret.slice(6), "base64"))
        .update(`${current}.${timestamp}.${body}`)
        .digest("base64");
      const isForged = random.next() < 0.3;
      const headers = {
        "webhook-id": current,
        "webhook-timestamp": `${timestamp}`,
        "webhook-signature": `v1,${isForged ? signature.replace(/./, (c) => (c === "A" ? "B" : "A")) : signature}`,
      };
      const send = () => handle(new Request("https://a.example/", { method: "POST", body, headers }));
      const statuses = [];
      for (let i = 0; i < 2; i++) statuses.push((await send()).status);
      const count = told.get(current) ?? 0;
      told.delete(current);
      if (count > 1 || (isForged && (count > 0 || statuses.includes(200))))
        throw new Fault(`told ${count} times, answered ${statuses.join(" ")}`);
    },
    async [Symbol.asyncDispose]() {},
  };
}
