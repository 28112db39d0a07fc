import { type Client, createClient, type LatentKitError } from "@latentkit/core";
import { replicate } from "../replicate.ts";
import type { ReplicateBackend } from "../replicate-backend.ts";
import type { ReplicateOptions } from "../replicate-options.ts";
import type { Script } from "./fake-prediction.ts";
import { type FakeReplicate, startFakeReplicate } from "./fake-replicate.ts";

/** A fake, and a client of it. */
export interface Harness extends AsyncDisposable {
  fake: FakeReplicate;
  backend: ReplicateBackend;
  client: Client;
  /** Another backend on the same fake, as another process would make. */
  newBackend(): ReplicateBackend;
}

/** Starts a fake Replicate with a client that polls and retries quickly. */
export async function harness(options: ReplicateOptions = {}, script: Partial<Script> = {}): Promise<Harness> {
  const fake = await startFakeReplicate(script);
  const newBackend = () =>
    replicate({
      model: "acme/painter",
      url: fake.url,
      token: fake.token,
      poll: { minMs: 10, maxMs: 20 },
      retry: { minDelayMs: 5, maxDelayMs: 10 },
      ...options,
    });
  const backend = newBackend();
  const client = createClient({ backend });
  return {
    fake,
    backend,
    client,
    newBackend,
    [Symbol.asyncDispose]: async () => {
      await client.dispose();
      await fake.close();
    },
  };
}

/** The error that a job or call ends with. */
export async function failureOf(job: PromiseLike<unknown>): Promise<LatentKitError> {
  let value: unknown;
  try {
    value = await job;
  } catch (error) {
    return error as LatentKitError;
  }
  throw new Error(`It should have failed, but gave ${JSON.stringify(value)}`);
}
