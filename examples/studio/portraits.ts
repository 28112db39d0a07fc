import { loadClient } from "@latentkit/core";

// Headshots, business and fashion portraits: prompts, and with POSE=file a pose (ControlNet). They want a model that knows people: an SDXL
// checkpoint on a ComfyUI server, or a hosted model; latentkit.config or LATENTKIT_BACKEND chooses it.
const client = await loadClient();
const [subject = "a woman in her forties"] = process.argv.slice(2);
const looks: Record<string, string> = {
  headshot: "studio headshot, plain gray background, soft light, 85mm",
  business: "business portrait, navy suit, office in the background, window light",
  fashion: "fashion editorial, long coat, city street at dusk, full body",
};
const { POSE } = process.env;
for (const [look, words] of Object.entries(looks)) {
  const { images } = await client.generate({
    prompt: [subject, words].join(", "),
    negativePrompt: "deformed, text, watermark",
    width: 832,
    height: 1216,
    seed: 1234,
    ...(POSE === undefined
      ? {}
      : { conditioning: [{ kind: "control" as const, control: "pose" as const, image: POSE }] }),
  });
  console.log(await images[0]!.save(`portrait-${look}.png`));
}
await client.dispose();
