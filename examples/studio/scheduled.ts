import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expandPrompt, loadClient } from "@latentkit/core";

// A day's pictures, for cron or a systemd timer: `node scheduled.ts [date]`. A run that was cut short is finished by the next one, and a
// second run of the same day draws nothing. The date decides the prompts, so a lost day can be drawn again.
const [day = new Date().toISOString().slice(0, 10)] = process.argv.slice(2);
const folder = join("daily", day);
await mkdir(folder, { recursive: true });
const template = "a {cat|dog|penguin|robot|rocket} {in the snow|in the desert|on grass|by the sea at sunset}";
const requests = [0, 1, 2].map((number) => {
  const seed = Number(day.replaceAll("-", "")) * 10 + number;
  return { id: `${day}-${number}`, request: { prompt: expandPrompt(template, { seed }), seed, steps: 10 } };
});

const client = await loadClient();
const summary = await client.batch(requests, {
  out: folder,
  manifest: join(folder, "manifest.jsonl"),
  keepGoing: true,
});
console.log(`${day}: ${summary.done} drawn, ${summary.skipped} done before, ${summary.failed} failed`);
await client.dispose();
if (summary.failed > 0) process.exitCode = 1;
