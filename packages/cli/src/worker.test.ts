import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeImage } from "@latentkit/core";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { redisProgram, startRedis } from "../../queue/src/testing/redis-server.ts";
import { end, makeFolder, removeFolder, run, start } from "./testing/latentkit.ts";

let folder: string;
beforeEach(async () => {
  folder = await makeFolder();
  const config = { backend: "queue", backends: { queue: { store: join(folder, "store") } } };
  await writeFile(join(folder, "queue.json"), JSON.stringify(config));
});
afterEach(() => removeFolder(folder));

describe.skipIf(redisProgram === undefined)("latentkit worker, on a real Redis", { timeout: 240_000 }, () => {
  /** A worker as a process of its own, once it takes jobs. */
  async function worker(url: string, more: readonly string[] = []) {
    const args = ["worker", "--redis", url, "--store", join(folder, "store"), "--backend", "local"];
    const child = start([...args, ...more], folder);
    onTestFinished(() => void child.kill("SIGKILL"));
    await new Promise<void>((resolve, reject) => {
      child.stderr!.on("data", (text: Buffer) => text.includes("latentkit: worker") && resolve());
      child.once("exit", (code) => reject(new Error(`the worker ended with ${code}`)));
    });
    return child;
  }

  const order = (url: string, seed: number, more: readonly string[] = []) => {
    const flags = ["--prompt", "a red apple on a blue background", "--seed", `${seed}`, "--out", `${seed}.png`];
    return run(["generate", "--config", "queue.json", ...flags, ...more], folder, { REDIS_URL: url });
  };
  const pixels = async (name: string) => (await decodeImage(await readFile(join(folder, name)))).data;

  it("draws what is ordered; killed (SIGKILL) in the middle, another finishes its job; drained, it ends", async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const first = await worker(redis.url);
    const drawn = await order(redis.url, 7, ["--steps", "4"]);
    expect(drawn).toMatchObject({ code: 0, stdout: "7.png\n" });
    expect(
      await run(
        [
          "generate",
          "--backend",
          "local",
          "--prompt",
          "a red apple on a blue background",
          "--seed",
          "7",
          "--steps",
          "4",
          "--out",
          "own.png",
        ],
        folder,
      ),
    ).toMatchObject({ code: 0 });
    expect(await pixels("7.png")).toEqual(await pixels("own.png"));

    const long = order(redis.url, 8, ["--steps", "60"]);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    first.kill("SIGKILL");
    await worker(redis.url);
    expect(await long).toMatchObject({ code: 0, stdout: "8.png\n" });
    expect(new Set(await pixels("8.png")).size).toBeGreaterThan(10);

    const drained = await end(start(["worker", "--redis", redis.url, "--drain", "--backend", "local"], folder));
    expect(drained).toMatchObject({ code: 0, stdout: "" });
  });

  it("ends with Ctrl-C, and says that Redis is not there", async () => {
    const redis = await startRedis();
    const child = await worker(redis.url);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    expect(await ended).toBe(0);
    await redis.close();
    const nobody = await run(["worker", "--redis", "redis://127.0.0.1:1", "--backend", "local"], folder);
    expect(nobody.code).not.toBe(0);
    expect(nobody.stderr).toMatch(/^latentkit: .*Redis/);
  });
});
