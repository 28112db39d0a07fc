import { decodeImage } from "@latentkit/core";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, it, onTestFinished } from "vitest";
import { commandLine, makeFolder, removeFolder } from "./testing/latentkit.ts";

it("serves an agent over standard input and output: it draws with the embedded model, and edits what it has drawn", async () => {
  const cwd = await makeFolder();
  const [command = "", ...args] = commandLine(["mcp", "--backend", "local"]);
  const transport = new StdioClientTransport({ command, args, cwd, stderr: "pipe" });
  let told = "";
  transport.stderr?.on("data", (part) => (told += part));
  const agent = new Client({ name: "test", version: "1" });
  onTestFinished(async () => {
    await agent.close();
    await removeFolder(cwd);
  });
  await agent.connect(transport);
  const steps: number[] = [];
  const made = await agent.callTool(
    { name: "generate_image", arguments: { prompt: "a red apple on a blue background", seed: 7, steps: 4 } },
    { onprogress: ({ progress }) => steps.push(progress) },
  );
  expect(made.isError, told).toBeFalsy();
  const [, link] = made.content as { uri: string }[];
  const fileOf = async (uri: string) => {
    const { contents } = await agent.readResource({ uri });
    return decodeImage(Buffer.from((contents[0] as { blob: string }).blob, "base64"));
  };
  const drawn = await fileOf(link!.uri);
  expect(new Set(drawn.data).size).toBeGreaterThan(50);
  expect(steps.length).toBeGreaterThan(0);
  const edited = await agent.callTool({
    name: "edit_image",
    arguments: { prompt: "a yellow banana on a blue background", image: link!.uri, strength: 0.9, seed: 1, steps: 4 },
  });
  expect(edited.isError, JSON.stringify(edited.content).slice(0, 500)).toBeFalsy();
  const other = await fileOf((edited.content as { uri: string }[])[1]!.uri);
  expect([other.width, other.height]).toEqual([drawn.width, drawn.height]);
  expect(Buffer.compare(other.data, drawn.data)).not.toBe(0);
  const wrong = await agent.callTool({ name: "generate_image", arguments: { prompt: "a", steps: 0 } });
  expect(wrong.isError).toBe(true);
});
