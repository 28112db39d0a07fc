import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { availableParallelism, loadavg } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { crc32, deflateSync } from "node:zlib";
import { comfy } from "../../packages/backend-comfy/src/index.ts";
import { a1111, http } from "../../packages/backend-http/src/index.ts";
import { local } from "../../packages/backend-local/src/index.ts";
import { openai } from "../../packages/backend-openai/src/index.ts";
import { replicate } from "../../packages/backend-replicate/src/index.ts";
import { createClient, decodeImage, LatentKitError, readRecipe } from "../../packages/core/src/index.ts";
import { forms, HostileServer, retryAfters, tooMany } from "./hostile-server.ts";
import { backends } from "./kinds/http.ts";

/** Prints the figures that tell how much harm an input can do, in some minutes each. Names: memory, calls, deadlines, stall, engine. */
export async function figures(names: readonly string[], minutes: number): Promise<void> {
  const all = {
    memory: peakMemory,
    calls: callsUnder429,
    deadlines: deadlinesKept,
    stall: callerStalled,
    engine: engineEnds,
  };
  console.log(
    `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${process.platform}-${process.arch}, ${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}`,
  );
  for (const [name, print] of Object.entries(all))
    if (names.length === 0 || names.includes(name)) await print(performance.now() + minutes * 60_000);
  process.exit(0);
}

const many = 50;

/** Peak memory of this process while fifty of each hostile picture are decoded at once. */
async function peakMemory(until: number): Promise<void> {
  console.log(`peak memory of the caller, ${many} at once (MB above the start; ended as)`);
  const lines = (width: number, height: number) => deflateSync(Buffer.alloc((width * 3 + 1) * height), { level: 9 });
  const texts = Array.from({ length: 20 }, () =>
    chunk("zTXt", Buffer.concat([Buffer.from("a\0\0"), deflateSync(Buffer.alloc(2 ** 26))])),
  );
  const hostile: [string, Uint8Array][] = [
    ["PNG of 8000×8000, allowed", png(8000, 8000, chunk("IDAT", lines(8000, 8000)))],
    ["PNG of 10000×10000", png(10_000, 10_000, chunk("IDAT", lines(10_000, 10_000)))],
    ["PNG of 100000000×1", png(100_000_000, 1, chunk("IDAT", lines(100, 1)))],
    ["PNG with 1.3 GB of zipped text", png(64, 64, ...texts, chunk("IDAT", lines(64, 64)))],
    [
      "SVG of 236 bytes",
      Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="9000" height="7000"><filter id="a"><feTurbulence baseFrequency="0.9" numOctaves="9"/><feGaussianBlur stdDeviation="90"/></filter><rect width="9000" height="7000" filter="url(#a)"/></svg>`,
      ),
    ],
  ];
  for (const [name, file] of hostile) {
    await measured(name, (signal) => decodeImage(file, "image", { signal }).then(() => "decoded"), until);
  }
  const recipe = png(64, 64, chunk("tEXt", Buffer.from(`parameters\0${"Negative prompt: ".repeat(100_000)}`)));
  await measured("recipe text of 1.7 MB", () => readRecipe(recipe).then(() => "read"), until);
}

/** Prints the peak while so many are tried at once; how far it is stands on stderr every ten seconds, as large pictures take their time. */
async function measured(name: string, once: (signal: AbortSignal) => Promise<string>, until: number): Promise<void> {
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let peak = before;
  const begun = performance.now();
  const endings: string[] = [];
  const seconds = () => ((performance.now() - begun) / 1000).toFixed(1);
  const mb = () => Math.round((peak - before) / 2 ** 20);
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 5);
  const progress = setInterval(() => {
    process.stderr.write(`  ${name}: ${endings.length} of ${many} in ${seconds()} s, ${mb()} MB so far\n`);
  }, 10_000);
  const stop = new AbortController();
  const limit = setTimeout(() => stop.abort(), Math.max(until - performance.now(), 1));
  const ending = async () => {
    const ended = await once(stop.signal).catch((error: unknown) => {
      if (stop.signal.aborted) return "waiting when the time was over";
      return LatentKitError.isInstance(error) ? `refused: ${error.code}` : `untyped: ${String(error).slice(0, 60)}`;
    });
    endings.push(ended);
  };
  await Promise.all(Array.from({ length: many }, ending));
  clearInterval(timer);
  clearInterval(progress);
  clearTimeout(limit);
  const counts = [...Map.groupBy(endings, (ended) => ended)].map(([ended, all]) => `${all.length} ${ended}`);
  console.log(`  ${name.padEnd(32)} ${String(mb()).padStart(6)}  ${counts.join(", ")} in ${seconds()} s`);
}

/** How often a server is asked in ten seconds that always answers 429. */
async function callsUnder429(): Promise<void> {
  console.log("calls made in 10 s by one job, by what Retry-After says");
  for (const [name, make] of Object.entries(defaults)) {
    for (const retryAfter of retryAfters) {
      await using server = await HostileServer.start(tooMany(retryAfter));
      const client = createClient({ backend: make(server.url) });
      await client.generate({ prompt: "a" }, { timeoutMs: 10_000 }).catch(() => {});
      console.log(`  ${name.padEnd(10)} ${(retryAfter || "(none)").padEnd(30)} ${String(server.calls).padStart(5)}`);
      await client.dispose();
    }
  }
}

/** How long a call is held by each form of an answer, with a limit of 400 ms of silence. */
async function deadlinesKept(): Promise<void> {
  console.log("milliseconds until a job ends and its client is disposed, by the form of the answer (timeoutMs 400)");
  for (const [name, make] of Object.entries(backends)) {
    for (const [form, answer] of Object.entries(forms)) {
      await using server = await HostileServer.start(answer);
      const client = createClient({ backend: make(server.url) });
      const begun = performance.now();
      const before = process.memoryUsage.rss();
      const limit = new Promise<string>((resolve) => setTimeout(resolve, 60_000, "held beyond 60 s").unref());
      const ended = await Promise.race([
        client.generate({ prompt: "a" }).then(
          () => "drawn",
          (error: unknown) => (LatentKitError.isInstance(error) ? error.code : "untyped"),
        ),
        limit,
      ]);
      const ms = Math.round(performance.now() - begun);
      const mb = Math.round((process.memoryUsage.rss() - before) / 2 ** 20);
      await Promise.race([client.dispose(), limit]);
      const disposed = Math.round(performance.now() - begun) - ms;
      console.log(
        `  ${name.padEnd(10)} ${form.padEnd(24)} ${String(ms).padStart(6)} + ${String(disposed).padStart(4)}  ${ended}, ${mb} MB more`,
      );
    }
  }
}

/** The longest time that nothing else of this process runs, while many jobs are started at once. */
async function callerStalled(): Promise<void> {
  console.log("jobs started at once by one loop, on the embedded model: what the caller waits");
  for (const count of [100, 1000, 10_000]) {
    const client = createClient({ backend: local({ threads: 1 }) });
    const lag = monitorEventLoopDelay({ resolution: 1 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    lag.enable();
    const begun = performance.now();
    const jobs = Array.from({ length: count }, (_, seed) => client.generate({ prompt: "a red apple", seed, steps: 1 }));
    const called = performance.now() - begun;
    const ends = jobs.map((job) => job.then(String, (error: unknown) => (error as LatentKitError).code));
    await new Promise((resolve) => setTimeout(resolve, 3000));
    lag.disable();
    await client.dispose();
    const codes = await Promise.all(ends);
    const refused = codes.filter((code) => code === "busy").length;
    console.log(
      `  ${String(count).padStart(6)} jobs: calls ${called.toFixed(0).padStart(5)} ms, longest stall ${(lag.max / 1e6).toFixed(0).padStart(5)} ms, refused as busy ${refused}`,
    );
  }
}

/** How long an engine outlives its parent, killed in the middle of a large picture. */
async function engineEnds(): Promise<void> {
  console.log(
    "milliseconds from the parent's SIGKILL to the engine's end, in a step of a picture of 1024×1024 on all cores",
  );
  const program = `
    import { createClient } from "${new URL("../../packages/core/src/index.ts", import.meta.url).href}";
    import { local } from "${new URL("../../packages/backend-local/src/index.ts", import.meta.url).href}";
    const client = createClient({ backend: local() });
    const job = client.generate({ prompt: "a red apple", steps: 50, width: 1024, height: 1024 });
    for await (const { type, phase } of job) if (type === "progress" && phase === "sample") process.stdout.write("sampling\\n");
  `;
  const options = ["--conditions=latentkit-source", "--disable-warning=ExperimentalWarning", "--input-type=module"];
  for (let i = 0; i < 3; i++) {
    const child = spawn(process.execPath, [...options, "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`the program ended with ${code}`)));
    await Promise.race([once(child.stdout, "data"), ended]);
    ended.catch(() => {});
    const list = execFileSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" });
    const [engine] = list
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, parent, ...args]) => Number(parent) === child.pid && args.join(" ").includes("engine/main"))
      .map(([pid]) => Number(pid));
    await new Promise((resolve) => setTimeout(resolve, 700));
    const begun = performance.now();
    child.kill("SIGKILL");
    for (let alive = engine !== undefined; alive; await new Promise((resolve) => setTimeout(resolve, 5))) {
      // One that has ended and waits to be buried by another has ended.
      const { stdout: state } = spawnSync("ps", ["-o", "stat=", "-p", `${engine}`], { encoding: "utf8" });
      alive = state.trim() !== "" && !state.trim().startsWith("Z");
    }
    console.log(`  ${engine === undefined ? "no engine found" : Math.round(performance.now() - begun)}`);
  }
}

/** With the limits that users have. */
const defaults = {
  comfy: (url: string) => comfy({ url, checkpoint: "a.safetensors" }),
  replicate: (url: string) => replicate({ url, token: "r8_0123456789abcdef", model: "acme/painter" }),
  openai: (url: string) => openai({ url: `${url}/v1`, apiKey: "sk-0123456789abcdef", model: "gpt-image-1" }),
  http: (url: string) => http({ url }),
  a1111: (url: string) => a1111({ url }),
};

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const bytes = Buffer.alloc(body.length + 8);
  bytes.writeUInt32BE(data.length);
  body.copy(bytes, 4);
  bytes.writeUInt32BE(crc32(body), body.length + 4);
  return bytes;
}

function png(width: number, height: number, ...more: Buffer[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    chunk("IHDR", header),
    ...more,
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
