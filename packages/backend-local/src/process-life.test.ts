import { cp, mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AbortedError, createClient, LatentKitError } from "@latentkit/core";
import { describe, expect, it, onTestFinished } from "vitest";
import { local } from "./local.ts";
import { makeMemoryGroup } from "./testing/memory-group.ts";
import { enginesOf, gone } from "./testing/test-engine.ts";
import { fixtureModel } from "./testing/test-model.ts";
import { startProgram } from "./testing/test-program.ts";

const model = fixtureModel("sd1");
const quick = { prompt: "a red apple", seed: 1, steps: 2, width: 64, height: 64 };
// One step of this takes seconds: nothing in the engine's main thread is heard before it is over.
const long = { prompt: "a red apple", seed: 1, steps: 900, width: 512, height: 512 };
const setUp = `const client = createClient({ backend: local({ model: ${JSON.stringify(model)}, threads: 1 }) });
  const quick = ${JSON.stringify(quick)}; const long = ${JSON.stringify(long)};`;
const hash = `const hash = async (job) => Buffer.from(await crypto.subtle.digest("SHA-256", (await (await job).images[0].pixels()).data)).toString("hex");`;
const isPosix = process.platform !== "win32";

async function folderWithModel(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "latentkit-life-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp(model, join(folder, "model"), { recursive: true });
  return join(folder, "model");
}

describe.skipIf(!isPosix)("an engine has no life of its own", () => {
  it("process.exit in the middle of a run leaves none", async () => {
    const program = startProgram(
      `${setUp} await sampling(client.generate(long)); say("sampling"); setTimeout(() => process.exit(3), 500);`,
    );
    expect(await program.next()).toBe("sampling");
    const [engine] = await enginesOf(program.child.pid);
    expect(engine).toBeGreaterThan(0);
    expect(await program.ended).toMatchObject({ code: 3 });
    await gone(engine!);
  });

  it("an uncaught error in the middle of a run leaves none", async () => {
    const program = startProgram(
      `${setUp} await sampling(client.generate(long)); say("sampling"); setTimeout(() => { throw new Error("mine"); }, 500);`,
    );
    await program.next();
    const [engine] = await enginesOf(program.child.pid);
    expect(await program.ended).toMatchObject({ code: 1, stderr: expect.stringContaining("mine") });
    await gone(engine!);
  });

  it("works in worker_threads, and a worker that is terminated takes its engine with it", async () => {
    const program = startProgram(`
      import { isMainThread, parentPort, Worker } from "node:worker_threads";
      import { once } from "node:events";
      ${setUp} ${hash}
      const own = await hash(client.generate(quick));
      if (isMainThread) {
        await client.dispose();
        const worker = new Worker(new URL(import.meta.url));
        const [there] = await once(worker, "message");
        say(own === there);
        await once(worker, "message");
        say("sampling");
        await new Promise((resolve) => setTimeout(resolve, 500));
        await worker.terminate();
        say("terminated");
        setInterval(() => {}, 1000);
      } else {
        parentPort.postMessage(own);
        await sampling(client.generate(long));
        parentPort.postMessage("sampling");
        setInterval(() => {}, 1000);
      }
    `);
    expect(await program.next()).toBe(true);
    expect(await program.next()).toBe("sampling");
    const [engine] = await enginesOf(program.child.pid);
    expect(engine).toBeGreaterThan(0);
    expect(await program.next()).toBe("terminated");
    await gone(engine!);
  });

  it("works in a cluster, each process with an engine that ends with it", async () => {
    const program = startProgram(`
      import cluster from "node:cluster";
      ${setUp} ${hash}
      if (cluster.isPrimary) {
        for (let i = 0; i < 2; i++) cluster.fork().on("message", say);
      } else {
        process.send({ pid: process.pid, hash: await hash(client.generate(quick)) });
        await sampling(client.generate(long));
        process.send({ pid: process.pid, sampling: true });
      }
    `);
    const said: { pid: number; hash?: string }[] = [];
    while (said.length < 4) said.push((await program.next()) as (typeof said)[number]);
    expect(new Set(said.flatMap(({ hash }) => hash ?? [])).size).toBe(1);
    const workers = [...new Set(said.map(({ pid }) => pid))];
    const engines = await Promise.all(workers.map(async (pid) => (await enginesOf(pid))[0]!));
    process.kill(workers[0]!, "SIGKILL");
    await gone(engines[0]!);
    expect(await enginesOf(workers[1])).toEqual([engines[1]]);
    program.child.kill("SIGKILL");
    await gone(engines[1]!);
  });
});

describe("dispose() with running jobs", () => {
  it("ends every job with a typed error, and the engine", async () => {
    const client = createClient({ backend: local({ model, threads: 1 }) });
    const jobs = Array.from({ length: 5 }, () => client.generate(long));
    for await (const event of jobs[0]!) if (event.type === "progress" && event.phase === "sample") break;
    const ends = jobs.map((job) => job.then(String, (error: unknown) => error));
    await client.dispose();
    for (const end of await Promise.all(ends)) expect(end).toSatisfy(AbortedError.isInstance);
    expect(await enginesOf(process.pid)).toEqual([]);
  });
});

describe("a model folder that changes in the middle of a run", () => {
  const changes: Record<string, (folder: string) => Promise<unknown>> = {
    deleted: (folder) => rm(folder, { recursive: true }),
    "cut off": (folder) => eachWeights(folder, (file) => truncate(file, 1000)),
    overwritten: (folder) => eachWeights(folder, (file) => writeFile(file, "this is no model")),
  };

  it.each(Object.entries(changes))(
    "%s: the picture as it would be, or a typed error; drawn with again when it is whole",
    async (_, change) => {
      const folder = await folderWithModel();
      const client = createClient({ backend: local({ model: folder, threads: 1 }) });
      onTestFinished(() => client.dispose());
      const pixels = async (request: object) => (await client.generate(request as typeof quick)).images[0]!.pixels();
      const wanted = await pixels({ ...quick, steps: 30 });
      const job = client.generate({ ...quick, steps: 30 });
      for await (const event of job)
        if (event.type === "progress" && event.phase === "sample" && event.step >= 1) break;
      await change(folder);
      const end = await job.then(
        ({ images }) => images[0]!.pixels(),
        (error: unknown) => error,
      );
      if (!LatentKitError.isInstance(end)) expect(end).toEqual(wanted);
      await expect(client.generate({ ...quick, seed: 2 })).rejects.toSatisfy(LatentKitError.isInstance);
      await rm(folder, { recursive: true, force: true });
      await cp(model, folder, { recursive: true });
      expect(await pixels({ ...quick, steps: 30 })).toEqual(wanted);
    },
  );
});

describe.skipIf(!isPosix)("a poor machine", () => {
  const draw = `
    import { mkdtemp } from "node:fs/promises";
    ${setUp}
    const { images } = await client.generate(quick);
    const png = await images[0].bytes("png");
    const again = await client.generate({ ...quick, image: png, strength: 0.5 });
    say([images.length, again.images.length]);
    await client.dispose();
  `;

  it("without a home, caches or a folder for temporary files draws, from a picture too", async () => {
    const nowhere = "/proc/none";
    const env = {
      HOME: nowhere,
      TMPDIR: nowhere,
      TMP: nowhere,
      TEMP: nowhere,
      XDG_CACHE_HOME: nowhere,
      XDG_CONFIG_HOME: nowhere,
    };
    const program = startProgram(draw, { env });
    expect(await program.next(), (await program.ended).stderr).toEqual([1, 1]);
    expect(await program.ended).toEqual({ code: 0, stderr: "" });
  });

  it("of too little memory, as in a container, loses the engine and not itself", async ({ skip }) => {
    await using group = makeMemoryGroup(500 * 2 ** 20);
    if (group === undefined) return skip("no control group can be made here");
    const program = startProgram(
      `const client = createClient({ backend: local({ maxMemory: "64GB" }) });
      const end = (side) => client.generate({ prompt: "a red apple", seed: 1, steps: 1, width: side, height: side }).then(() => "drawn", codeOf);
      say([await end(1536), await end(64)]);
      await client.dispose();`,
      { shell: `echo $$ > ${group.procs}` },
    );
    expect(await program.next()).toEqual(["out_of_memory", "drawn"]);
    expect(await program.ended).toMatchObject({ code: 0 });
  });

  it.each([32, 40, 64])("of %i file descriptors draws, or ends in a typed error", async (files) => {
    const program = startProgram(
      `${setUp}
      const jobs = Array.from({ length: 20 }, (_, seed) => client.generate({ ...quick, seed }).then(() => "drawn", codeOf));
      say([...new Set(await Promise.all(jobs))]);
      await client.dispose();`,
      { shell: `ulimit -n ${files}` },
    );
    const ends = (await program.next()) as string[];
    const { code, stderr } = await program.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const end of ends) expect(end).toMatch(/^[a-z_]+$/);
    if (files === 64) expect(ends).toEqual(["drawn"]);
  });
});

async function eachWeights(folder: string, change: (file: string) => Promise<unknown>): Promise<void> {
  const files = await readdir(folder, { recursive: true });
  for (const file of files) if (file.endsWith(".safetensors")) await change(join(folder, file));
}
