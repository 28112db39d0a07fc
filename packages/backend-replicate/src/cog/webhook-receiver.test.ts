import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ConfigError } from "@latentkit/core";
import { describe, expect, it } from "vitest";
import { WebhookReceiver } from "./webhook-receiver.ts";

describe("a receiver", () => {
  it("whose port is taken says which option names it, and tries again", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const receiver = new WebhookReceiver({ port });
    const error = await receiver.expect("p", () => {}).catch((reason: unknown) => reason);
    expect(ConfigError.isInstance(error) && error.message).toMatch(/progress.port: cannot listen.*EADDRINUSE/);
    await new Promise((resolve) => other.close(resolve));
    expect(await receiver.expect("p", () => {})).toContain(`:${port}/`);
    await receiver.close();
  });
});
