import { eventually } from "@latentkit/testing";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { hashApiKey, newApiKey } from "../access/api-key.ts";
import { harness } from "../testing/harness.ts";

async function agent(...args: Parameters<typeof harness>) {
  const key = newApiKey();
  const found = await harness({ apiKeys: [hashApiKey(key)], ...args[0] }, args[1]);
  const client = new Client({ name: "test", version: "1" });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${found.url}/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${key}` } },
    }),
  );
  onTestFinished(() => client.close());
  return { ...found, client };
}

describe("an agent, over MCP's own client", () => {
  it("lists tools and models, draws with progress, and reads the whole file", async () => {
    const { client } = await agent({ models: ["fox"] });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual([
      "generate_image",
      "edit_image",
      "list_models",
    ]);
    const models = await client.callTool({ name: "list_models", arguments: {} });
    expect(JSON.parse((models.content as { text: string }[])[0]!.text).models).toEqual(["stripes", "fox"]);
    const progress: number[] = [];
    const made = await client.callTool(
      { name: "generate_image", arguments: { prompt: "a fox", seed: 7, steps: 5, count: 2 } },
      { onprogress: (told) => progress.push(told.progress) },
    );
    const content = made.content as { type: string; uri: string; mimeType: string; description: string }[];
    expect(content.map(({ type }) => type)).toEqual(["image", "resource_link", "image", "resource_link"]);
    expect(JSON.parse(content[1]!.description)).toMatchObject({ seed: 7, width: 16, steps: 5 });
    expect(progress.length).toBeGreaterThan(0);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    const { contents } = await client.readResource({ uri: content[1]!.uri });
    expect(Buffer.from((contents[0] as { blob: string }).blob, "base64").toString("latin1", 1, 4)).toBe("PNG");
    const edited = await client.callTool({ name: "edit_image", arguments: { prompt: "b", image: content[1]!.uri } });
    // The in-memory backend draws from text alone: that it says so means that the link was found.
    expect(edited).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("image-to-image") }] });
  });

  it("is told what is wrong, reads no path, and stops what it cancels", async () => {
    const { client, backend } = await agent({}, { stepMs: 20 });
    const call = (name: string, args: object, options = {}) =>
      client.callTool({ name, arguments: { ...args } }, options);
    expect(await call("generate_image", { prompt: "a", width: 20 })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining("width") }],
    });
    await expect(
      call("edit_image", { prompt: "a", image: "/etc/passwd" }).then(({ isError }) => isError),
    ).resolves.toBe(true);
    expect(backend.begun).toBe(0);
    const controller = new AbortController();
    const slow = call("generate_image", { prompt: "a", steps: 200 }, { signal: controller.signal });
    await eventually(() => backend.running === 1);
    controller.abort();
    await expect(slow).rejects.toThrow();
    expect(await eventually(() => backend.running === 0)).toBe(true);
  });
});
