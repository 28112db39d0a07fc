import { loadClient } from "@latentkit/core";

// One character in many scenes: the same seed and the same words for it, only the scene changes.
const client = await loadClient();
const scenes = ["in the desert", "in the snow", "on grass", "in a starry night", "by the sea at sunset"];
for (const [i, scene] of scenes.entries()) {
  const { images } = await client.generate({ prompt: `a robot ${scene}`, seed: 21 });
  console.log(await images[0]!.save(`character-${i}.png`));
}
await client.dispose();
