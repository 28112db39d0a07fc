/**
 * A thousand predictions at once against a stub on this machine, by this package and by the official `replicate` client,
 * each in a process of its own, without and with injected faults (3 % of creates done and then cut, 3 % refused by 429
 * with Retry-After: 1, 2 % of polls answered by 500).
 *
 *     node --conditions=latentkit-source tools/bench/replicate.ts [predictions]
 *
 * A duplicate is a prediction beyond the first for the same input: on Replicate each would be billed.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpus, loadavg } from "node:os";
import { promisify } from "node:util";

const count = process.argv[2] ?? "1000";
const subjects = ["latentkit", "official:poll", "latentkit:wait", "official"];
const flags = ["--conditions=latentkit-source", "--expose-gc", "--disable-warning=ExperimentalWarning"];
const here = (name: string) => new URL(name, import.meta.url).pathname;

interface Figures {
  completed: number;
  errors: Record<string, number>;
  seconds: number;
  cpuMs: number;
  /** Heap in use, after collection, while all are under way. */
  liveMb: number;
  peakMb: number;
  delayP99: number;
  delayMax: number;
}
interface Counts {
  requests: number;
  creates: number;
  polls: number;
  predictions: number;
  distinct: number;
  cut: number;
}

const names: Record<string, string> = {
  latentkit: "LatentKit, polling",
  "official:poll": "official, polling",
  "latentkit:wait": "LatentKit, wait: 60",
  official: "official, blocking",
};

async function measure(subject: string, faults: boolean): Promise<Figures & Counts> {
  const stub = spawn(process.execPath, [...flags, here("replicate-stub.ts"), faults ? "faulty" : "sound"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [port] = (await once(stub.stdout, "data")) as [Buffer];
  try {
    const address = port.toString().trim();
    const args = [...flags, here("replicate-subject.ts"), subject, count, address];
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 24 });
    const counts = (await (await fetch(`http://127.0.0.1:${address}/counts`)).json()) as Counts;
    return { ...(JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as Figures), ...counts };
  } finally {
    stub.kill();
  }
}

const row = (cells: (string | number)[]) =>
  cells.map((cell, i) => (i === 0 ? String(cell).padEnd(20) : String(cell).padStart(11))).join("");
const per = (value: number) => (value / Number(count)).toFixed(2);

console.log(
  `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model} × ${cpus().length}, Node ${process.version}`,
);
console.log(`load before: ${loadavg()[0]?.toFixed(1)}; ${count} predictions of 5 to 10 s at once`);
for (const faults of [false, true]) {
  console.log(faults ? "\nwith injected faults" : "\nwithout faults");
  console.log(
    row([
      "",
      "completed",
      "duplicates",
      "req/pred",
      "polls/pred",
      "CPU ms/pred",
      "live MB",
      "peak MB",
      "delay p99",
      "delay max",
      "seconds",
    ]),
  );
  const all = new Map<string, Figures & Counts>();
  for (const subject of subjects) {
    const found = await measure(subject, faults);
    all.set(subject, found);
    const { completed, predictions, distinct, requests, polls, cpuMs, liveMb, peakMb, delayP99, delayMax, seconds } =
      found;
    console.log(
      row([
        names[subject] ?? subject,
        completed,
        predictions - distinct,
        per(requests),
        per(polls),
        per(cpuMs),
        liveMb.toFixed(0),
        peakMb.toFixed(0),
        `${delayP99.toFixed(0)} ms`,
        `${delayMax.toFixed(0)} ms`,
        seconds.toFixed(1),
      ]),
    );
    const errors = Object.entries(found.errors).map(([name, times]) => `${times} × ${name}`);
    if (errors.length > 0)
      console.log(`    errors: ${errors.join(", ")} (the stub cut ${found.cut} creates after doing them)`);
  }
  for (const [ours, theirs] of [
    ["latentkit", "official:poll"],
    ["latentkit:wait", "official"],
  ] as const) {
    const [a, b] = [all.get(ours)!, all.get(theirs)!];
    const ratio = (of: (figures: Figures & Counts) => number) => (of(a) / of(b)).toFixed(2);
    console.log(
      `${names[ours]} : ${names[theirs]} = requests ${ratio((f) => f.requests)}, CPU ${ratio((f) => f.cpuMs)}, memory ${ratio((f) => f.peakMb)}`,
    );
  }
}
