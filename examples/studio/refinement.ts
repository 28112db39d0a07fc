import { loadClient } from "@latentkit/core";

// A picture that is refined in rounds: each goes on from the one before, with its own words, and moves less far.
const client = await loadClient();
const rounds = [
  { prompt: "a house on grass", strength: 0.9 },
  { prompt: "a house by the sea at sunset", strength: 0.7 },
  { prompt: "a cartoon style house by the sea at sunset", strength: 0.5 },
];
let [picture] = (await client.generate({ prompt: "a house on a white background", seed: 6 })).images;
await picture!.save("refine-0.png");
for (const [i, { prompt, strength }] of rounds.entries()) {
  const image = await picture!.bytes();
  [picture] = (await client.generate({ task: "image-to-image", image, prompt, strength, seed: 6 })).images;
  console.log(await picture!.save(`refine-${i + 1}.png`));
}
await client.dispose();
