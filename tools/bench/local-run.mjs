// The program that tools/bench/local.ts times: it uses the built packages as a user's script does. argv: model folder,
// steps, file to write. It prints one JSON line when the first picture lies on disk, and one at the end.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { local } from "../../packages/backend-local/dist/index.js";
import { createClient } from "../../packages/core/dist/index.js";

const [model, steps, path] = process.argv.slice(2);
const client = createClient({ backend: local(model === "" ? {} : { model }) });

async function generate() {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const busy = longestBusy();
  delay.enable();
  const { images, timings, recipe } = await client.generate({ prompt: "a red apple", steps: Number(steps), seed: 7 });
  delay.disable();
  const busyMs = busy.stop();
  await images[0].save(path);
  const { width, height, guidanceScale } = recipe.request;
  return { timings, width, height, guidanceScale, stallMs: delay.max / 1e6, busyMs };
}

/** The most CPU time that this thread took between two ticks: what a stall would be on a machine with nothing else to do. */
function longestBusy() {
  const used = () => {
    const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage();
    return (user + system) / 1000;
  };
  let last = used();
  let longest = 0;
  const look = () => {
    const now = used();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(look, 1);
  return {
    stop() {
      look();
      clearInterval(timer);
      return longest;
    },
  };
}

console.log(JSON.stringify(await generate()));
const warm = [await generate(), await generate(), await generate()];
const idle = monitorEventLoopDelay({ resolution: 1 });
idle.enable();
await setTimeout(warm[0].timings.totalMs);
idle.disable();
console.log(JSON.stringify({ warm, idleStallMs: idle.max / 1e6 }));
await client.dispose();
