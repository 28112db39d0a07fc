import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { makeFolder, removeFolder, runInside, start } from "./testing/latentkit.ts";

it("prints a key and its hash", async () => {
  const { code, stdout } = await runInside(["serve", "--new-key"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^key {3}lk-[\w-]{43}\nhash {2}sha256:[0-9a-f]{64}\n$/);
});

it("refuses other machines without a key, and keys that can be guessed", async () => {
  const open = await runInside(["serve", "--host", "0.0.0.0", "--port", "0"]);
  expect(open).toMatchObject({ code: 2, stderr: expect.stringMatching(/0\.0\.0\.0.*--insecure/) });
  const short = await runInside(["serve", "--port", "0"], { LATENTKIT_API_KEYS: "short" });
  expect(short).toMatchObject({ code: 2, stderr: expect.stringMatching(/LATENTKIT_API_KEYS.*16/) });
});

it("serves until it is told to stop, and finishes what runs", async () => {
  const folder = await makeFolder();
  const child = start(["serve", "--port", "0"], folder);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await removeFolder(folder);
  });
  let told = "";
  child.stderr!.on("data", (part) => (told += part));
  while (!/at (http:\S+)/.test(told)) await once(child.stderr!, "data");
  const [, url] = /at (http:\S+)/.exec(told)!;
  const answer = await fetch(`${url}/v1/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt: "a red apple", steps: 100 }),
  });
  const { id } = (await answer.json()) as { id: string };
  const response = await fetch(`${url}/v1/jobs/${id}/events`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("event: progress")) text += (await reader.read()).value;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
  expect(text).toMatch(/event: done/);
  expect((await exited)[0]).toBe(0);
  expect(told).toMatch(new RegExp(`job completed \\d+ ms ${id}`));
  expect(told).not.toContain("red apple");
});
