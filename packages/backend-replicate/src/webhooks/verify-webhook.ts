import { createHmac, timingSafeEqual } from "node:crypto";
import { AuthenticationError, ConfigError } from "@latentkit/core";
import { backendId } from "../replicate-error.ts";

/** What a delivery is verified with. */
export interface WebhookDelivery {
  /** Header `webhook-id`: the same for each attempt at one delivery. */
  id: string | null;
  /** Header `webhook-timestamp`: seconds since 1970. */
  timestamp: string | null;
  /** Header `webhook-signature`: `v1,<base64>`, several separated by spaces. */
  signature: string | null;
  /** The body as it came, byte for byte. */
  body: string;
}

/** Older deliveries, and ones from the future, are refused. */
const toleranceSeconds = 5 * 60;

/**
 * Verifies that a delivery comes from Replicate (Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`).
 *
 * @param secret the signing secret, `whsec_…`; `ReplicateBackend.webhookSecret()` brings it.
 * @throws AuthenticationError saying what is wrong with it; ConfigError for an empty secret, with which anyone could sign.
 */
export function verifyWebhook(delivery: WebhookDelivery, secret: string, now = Date.now()): void {
  const { id, timestamp, signature } = checkHeaders(delivery, now);
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  if (key.length === 0)
    throw new ConfigError('secret: must be the signing secret, "whsec_…"; it is empty', { backend: backendId });
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.${delivery.body}`).digest();
  const given = signature.split(" ").flatMap((each) => {
    const [version, value = ""] = each.split(",", 2);
    return version === "v1" ? [Buffer.from(value, "base64")] : [];
  });
  const matches = given.some((each) => each.length === expected.length && timingSafeEqual(each, expected));
  if (!matches) throw refused("its signature does not match");
}

/**
 * What of a delivery can be checked without the secret: headers and age.
 *
 * @throws AuthenticationError saying what is wrong with it.
 */
export function checkHeaders({ id, timestamp, signature }: Omit<WebhookDelivery, "body">, now = Date.now()) {
  if (!id || !timestamp || !signature)
    throw refused("a header is missing: webhook-id, webhook-timestamp or webhook-signature");
  if (!/^\d+$/.test(timestamp)) throw refused("webhook-timestamp is no number of seconds");
  if (Math.abs(now / 1000 - Number(timestamp)) > toleranceSeconds) throw refused("it is older than five minutes");
  return { id, timestamp, signature };
}

function refused(why: string): AuthenticationError {
  return new AuthenticationError(`A webhook delivery was refused: ${why}.`, { backend: backendId });
}
