import { once } from "node:events";
import { connect } from "node:net";
import { expect, it } from "vitest";
import { eventually } from "../../index.ts";
import { FakeComfy } from "./fake-comfy.ts";

it("outlives a client that resets its connection in the middle of an upgrade", async () => {
  const fake = await FakeComfy.start();
  try {
    fake.freeze();
    const client = connect(Number(new URL(fake.url).port), "127.0.0.1");
    await once(client, "connect");
    const head = "GET /nowhere HTTP/1.1\r\nHost: fake\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    await new Promise((resolve) => client.write(head, resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    fake.thaw();
    expect(await eventually(() => fake.requests.some(({ path }) => path === "/nowhere"))).toBe(true);
    expect((await fetch(`${fake.url}/queue`)).status).toBe(200);
  } finally {
    await fake.stop();
  }
});
