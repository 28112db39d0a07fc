import { join } from "node:path";
import { FakeComfy } from "@latentkit/testing";
import { expect, it, onTestFinished } from "vitest";
import { runCli } from "../run-cli.ts";
import { makeFolder, removeFolder } from "../testing/latentkit.ts";
import { makeTerminal } from "../testing/terminal.ts";

/** What `generate` on the fake ComfyUI draws, and what it asked the server for. */
async function generateOnComfy(...flags: string[]) {
  const fake = await FakeComfy.start({ stepMs: 20 });
  const folder = await makeFolder();
  onTestFinished(async () => {
    await fake.stop();
    await removeFolder(folder);
  });
  const { stream, take } = makeTerminal({ columns: 100, rows: 50 });
  const size = ["--width", "64", "--height", "64", "--steps", "10"];
  const args = ["generate", "--backend", "comfy", "--url", fake.url, "--prompt", "x", ...size, ...flags];
  const code = await runCli([...args, "--out", join(folder, "a.png")], { stdout: stream, stderr: stream, env: {} });
  const method = (fake.prompts[0] as { extra_data: { preview_method: string } }).extra_data.preview_method;
  return { code, method, text: take() };
}
const pictures = (text: string) => text.split("\u001B[0m\n").length - 1;

it("shows previews of a job on ComfyUI, and a bar over the whole of it that never goes back", async () => {
  const { code, method, text } = await generateOnComfy();
  expect({ code, method }).toEqual({ code: 0, method: "auto" });
  expect(pictures(text), "the finished picture's lines, and those of previews").toBeGreaterThan(32);
  const filled = [...text.matchAll(/ (█*)░* \d+\/\d+/g)].map(([, bar = ""]) => bar.length);
  expect(filled.length).toBeGreaterThan(5);
  expect(filled).toEqual(filled.toSorted((a, b) => a - b));
});

it("neither asks for previews nor shows them with --no-preview", async () => {
  const { code, method, text } = await generateOnComfy("--no-preview");
  expect({ code, method }).toEqual({ code: 0, method: "none" });
  expect(pictures(text)).toBe(32);
});

it("takes --preview by steps", async () => {
  expect((await generateOnComfy("--preview", "1")).method).toBe("auto");
  const { stream, take } = makeTerminal();
  expect(
    await runCli(["generate", "--prompt", "x", "--preview", "0"], { stdout: stream, stderr: stream, env: {} }),
  ).toBe(2);
  expect(take()).toContain("--preview");
});
