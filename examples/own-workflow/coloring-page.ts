import { readFile } from "node:fs/promises";
import { comfy, defineWorkflow } from "@latentkit/backend-comfy";
import { LatentKitError } from "@latentkit/core";

// A workflow as ComfyUI's "Export (API)" saves it: here a picture, and its outlines to color in.
const coloringPage = defineWorkflow({
  workflow: JSON.parse(await readFile(new URL("coloring-page.json", import.meta.url), "utf8")),
  parameters: {
    prompt: { node: "prompt", input: "text", type: "string", required: true },
    checkpoint: { node: "model", input: "ckpt_name", type: "string" },
    seed: { node: "sampler", input: "seed", type: "seed" },
    steps: { node: "sampler", input: "steps", type: "integer", min: 1, max: 100 },
    side: {
      targets: [
        { node: "canvas", input: "width" },
        { node: "canvas", input: "height" },
      ],
      type: "integer",
      min: 64,
      max: 2048,
    },
  },
  outputs: { picture: { node: "save-picture" }, lines: { node: "save-lines" } },
});

const url = process.env["COMFYUI_URL"];
if (url === undefined) {
  console.error("Set COMFYUI_URL to a ComfyUI server, such as http://127.0.0.1:8188.");
  process.exit(2);
}

const [prompt = "a lighthouse, flat colors, bold shapes", checkpoint] = process.argv.slice(2);
const backend = comfy({ url });
const stop = new AbortController();
process.once("SIGINT", () => stop.abort()); // Ctrl-C takes the prompt back from the server, too
try {
  const { outputs } = await backend.run(
    coloringPage,
    { prompt, seed: 7, ...(checkpoint === undefined ? {} : { checkpoint }) },
    {
      signal: stop.signal,
      onEvent: (event) => event.type === "progress" && console.log(`${event.phase} ${event.step}/${event.steps}`),
    },
  );
  console.log(await outputs.picture[0]?.save("picture.png"));
  console.log(await outputs.lines[0]?.save("lines.png"));
} catch (error) {
  if (!LatentKitError.isInstance(error)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await backend.dispose();
}
