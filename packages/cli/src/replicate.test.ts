import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { startFakeCog } from "../../backend-replicate/src/testing/fake-cog.ts";
import { startFakeReplicate } from "../../backend-replicate/src/testing/fake-replicate.ts";
import { end, makeFolder, removeFolder, run, start } from "./testing/latentkit.ts";

let folder: string;
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => removeFolder(folder));

const soon = () => new Promise((resolve) => setTimeout(resolve, 10));

describe("latentkit with Replicate", () => {
  const args = ["generate", "--backend", "replicate", "--model", `acme/painter:${"a".repeat(64)}`];

  it("Ctrl-C cancels the prediction there before it exits", async () => {
    const fake = await startFakeReplicate({ stepMs: 50 });
    onTestFinished(() => fake.close());
    const flags = ["--url", fake.url, "--prompt", "a fox", "--steps", "400"];
    const child = start([...args, ...flags], folder, { REPLICATE_API_TOKEN: fake.token });
    const ended = end(child).then((outcome) => ({ ...outcome, running: fake.state.running }));
    while (fake.state.created === 0 && child.exitCode === null) await soon();
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 130, stdout: "", stderr: "latentkit: Interrupted.\n", running: 0 });
    expect(fake.state.cancelled).toBe(1);
  });

  it("prints the model's own message and the prediction's id when it fails", async () => {
    const fake = await startFakeReplicate();
    onTestFinished(() => fake.close());
    const flags = ["--url", fake.url, "--prompt", "fail"];
    const { code, stderr } = await run([...args, ...flags], folder, { REPLICATE_API_TOKEN: fake.token });
    expect(code).toBe(1);
    expect(stderr).toContain("something broke");
    expect(stderr).toContain([...fake.state.predictions.keys()][0]);
  });

  it("Ctrl-C stops a Cog server's prediction too", async () => {
    const cog = await startFakeCog();
    onTestFinished(() => cog.close());
    const flags = ["generate", "--backend", "replicate", "--url", cog.url, "--prompt", "a fox", "--steps", "500"];
    const child = start(flags, folder, { REPLICATE_API_TOKEN: "" });
    const ended = end(child).then((outcome) => ({ ...outcome, running: cog.running() }));
    while (cog.created === 0 && child.exitCode === null) await soon();
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 130, running: 0 });
  });
});
