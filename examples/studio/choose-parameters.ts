import { writeFile } from "node:fs/promises";
import { encodeImage, loadClient } from "@latentkit/core";

// Which steps, guidance and sampler suit a model? Every combination, on one sheet with its values.
const client = await loadClient();
const { cells, contactSheet, html } = await client.sweep({
  prompt: "a rocket in a starry night",
  seed: 7,
  steps: [4, 10, 20],
  guidanceScale: [1, 4, 8],
  sampler: ["euler", "dpmpp_2m"],
});
await writeFile("parameters.png", await encodeImage(await contactSheet({ cell: 128 }), "png"));
await writeFile("parameters.html", await html());
console.log(`${cells.length} pictures: parameters.png, parameters.html`);
await client.dispose();
