/**
 * How fast upscaling networks of the published sizes enlarge (random weights): megapixels made a minute through the public API, and torch's for the
 * same networks in the same run. The picture is one tile, unless it is larger than these: then each sees its neighbours' edges too.
 *
 *     node --conditions=latentkit-source tools/bench/upscale.ts [side] [tileSize]
 *
 * RealESRGAN_x4plus is an RRDBNet of 23 blocks and 64 features, realesr-general-x4v3 an SRVGGNetCompact of 32 convolutions and 64 features. With
 * LATENTKIT_PYTHON (a Python with torch) torch's figures stand beside; it sees the whole picture at once.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient, encodeImage } from "@latentkit/core";
import type { Weights } from "../../packages/backend-local/src/files/weights.ts";
import { local } from "../../packages/backend-local/src/local.ts";
import { buildRrdbNet } from "../../packages/backend-local/src/networks/rrdb-net/rrdb-net.ts";
import { buildSrvggNetCompact } from "../../packages/backend-local/src/networks/srvgg-net-compact/srvgg-net-compact.ts";
import { benchFolder, circumstances, round } from "./bench-model.ts";
import { wantedTensors, writeRandomWeights } from "./random-weights.ts";

const side = Number(process.argv[2] ?? 256);
const tileSize = Number(process.argv[3] ?? 256);
const rrdb = { num_feat: 64, num_grow_ch: 32, num_block: 23, num_upsample: 2, unshuffle: 1 };
const compact = { _class_name: "SRVGGNetCompact", num_feat: 64, num_conv: 32, upscale: 4 };
const networks: Record<string, (weights: Weights) => unknown> = {
  RealESRGAN_x4plus: (weights) => buildRrdbNet(rrdb, weights),
  "realesr-general-x4v3": (weights) => buildSrvggNetCompact(compact, weights),
};

const data = Uint8Array.from({ length: 3 * side * side }, (_, i) => (i * 7919) % 251);
const image = await encodeImage({ width: side, height: side, channels: 3, data }, "png");
const backend = local();
const client = createClient({ backend });
const figures: Record<string, unknown> = {
  ...circumstances(),
  picture: `${side}×${side} to ${4 * side}×${4 * side}`,
  tileSize,
};
for (const [name, build] of Object.entries(networks)) {
  const model = join(benchFolder, `${name}.safetensors`);
  if (!existsSync(model)) await writeRandomWeights(model, wantedTensors(build), "F32");
  const run = async () => {
    const fields = { task: "upscale", model, image, backendOptions: { local: { tileSize } } } as const;
    return (await client.generate(fields)).timings.decodeMs / 1000;
  };
  await client.generate({
    task: "upscale",
    model,
    image: await encodeImage({ width: 16, height: 16, channels: 3, data: data.subarray(0, 768) }, "png"),
  });
  const seconds = Math.min(await run(), await run());
  const whole = torchSeconds(name);
  const perMinute = (time: number) => round(((16 * side * side) / 1e6 / time) * 60);
  figures[name] = {
    seconds: round(seconds),
    megapixelsAMinute: perMinute(seconds),
    torch:
      typeof whole === "number"
        ? { seconds: round(whole), megapixelsAMinute: perMinute(whole), ratio: round(whole / seconds) }
        : whole,
  };
}
await client.dispose();
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);

function torchSeconds(name: string): number | string {
  const python = process.env.LATENTKIT_PYTHON;
  if (!python) return "not run: LATENTKIT_PYTHON is not set";
  const script = fileURLToPath(new URL("upscale_figures.py", import.meta.url));
  const { status, stdout, stderr } = spawnSync(python, [script, name, String(side)], { encoding: "utf8" });
  return status === 0 ? Number(stdout) : `failed: ${stderr.slice(-500)}`;
}
