import { loadClient } from "@latentkit/core";

// Many pictures, two at once. Stop it and run it again: what is done is passed over.
const client = await loadClient();
const objects = ["cat", "dog", "panda", "frog", "pig", "penguin"];
const requests = objects.map((object, seed) => ({
  id: object,
  request: { prompt: `a ${object} on grass`, seed, steps: 10 },
}));

const batch = client.batch(requests, { concurrency: 2, out: "animals", manifest: "animals/manifest.jsonl" });
for await (const { id, status, files } of batch) console.log(id, status, files[0]?.path);
await client.dispose();
