import { loadClient } from "@latentkit/core";

// Eight quick drafts; the best of them is drawn again with all its steps. Here the most colourful wins; a program would ask a person, or a
// model that rates pictures.
const client = await loadClient();
const { best, all } = await client.bestOf(
  { prompt: "a butterfly on grass", seed: 100, steps: 30, draft: { steps: 4 } },
  { of: 8, score: async (image) => colourfulness((await image.pixels()).data) },
);
for (const { image, score } of all) console.log(`draft ${image.seed}: ${score.toFixed(1)}`);
await best.save("draft.png");

const { images } = await client.final(best);
console.log(await images[0]!.save("final.png"));
await client.dispose();

/** Mean distance between a pixel's channels. */
function colourfulness(data: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i + 2 < data.length; i += 3)
    sum += Math.max(data[i]!, data[i + 1]!, data[i + 2]!) - Math.min(data[i]!, data[i + 1]!, data[i + 2]!);
  return sum / (data.length / 3);
}
