/**
 * Runs the studio's examples with the embedded model and lays out what they draw for their README, in docs/images/studio.
 *
 *     node --conditions=latentkit-source tools/studio-pictures.ts [folder of an earlier run]
 */
import { spawnSync } from "node:child_process";
import { glob, mkdir, mkdtemp, readFile, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeImage, encodeImage, type Pixels } from "../packages/core/src/index.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = join(root, "docs/images/studio");
const side = 128;
const gap = 6;

/** Each example's pictures, in the order in which they are shown. */
const strips: Readonly<Record<string, readonly string[]>> = {
  "batch-processing": ["animals/*.png"],
  "background-replacement": ["old-background.png", "new-background.png"],
  "product-shots": ["product-[0-9].png"],
  "style-transfer": ["style-original.png", "style-0.5.png", "style-0.7.png", "style-0.9.png"],
  "character-variations": ["character-*.png"],
  "zoom-out": ["zoom-*.png"],
  "restore-and-upscale": ["damaged.png", "restored.png", "upscaled.png"],
  "draft-to-final": ["draft.png", "final.png"],
  refinement: ["refine-*.png"],
  scheduled: ["daily/2026-11-27/*.png"],
};

const folder = process.argv[2] ?? (await run());
await mkdir(out, { recursive: true });
for (const [name, patterns] of Object.entries(strips)) {
  const files = (await Promise.all(patterns.map((pattern) => Array.fromAsync(glob(pattern, { cwd: folder }))))).flatMap(
    (found) => found.sort(),
  );
  const tiles = await Promise.all(
    files.map(async (file) => enlarged(await decodeImage(await readFile(join(folder, file))))),
  );
  await writeFile(join(out, `${name}.png`), await encodeImage(beside(tiles), "png"));
}
await writeFile(join(out, "choose-parameters.png"), await readFile(join(folder, "parameters.png")));

async function run(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "latentkit-studio-"));
  await symlink(join(root, "examples/studio/node_modules"), join(made, "node_modules"), "junction");
  for (const name of [...Object.keys(strips), "choose-parameters"]) {
    const args = ["--conditions=latentkit-source", join(root, "examples/studio", `${name}.ts`)];
    spawnSync(process.execPath, name === "scheduled" ? [...args, "2026-11-27"] : args, { cwd: made, stdio: "inherit" });
  }
  return made;
}

/** Whole times as large, without smoothing, up to a tile's side. */
function enlarged({ width, height, channels, data }: Pixels): Pixels {
  const times = Math.max(1, Math.floor(side / Math.max(width, height)));
  const large = new Uint8Array(width * height * times ** 2 * 3);
  for (let y = 0; y < height * times; y++) {
    for (let x = 0; x < width * times; x++) {
      const from = (Math.floor(y / times) * width + Math.floor(x / times)) * channels;
      large.set(data.subarray(from, from + 3), (y * width * times + x) * 3);
    }
  }
  return { width: width * times, height: height * times, channels: 3, data: large };
}

function beside(tiles: readonly Pixels[]): Pixels {
  const width = tiles.reduce((sum, tile) => sum + tile.width + gap, -gap);
  const height = Math.max(...tiles.map((tile) => tile.height));
  const data = new Uint8Array(width * height * 3).fill(255);
  let left = 0;
  for (const tile of tiles) {
    for (let y = 0; y < tile.height; y++)
      data.set(tile.data.subarray(y * tile.width * 3, (y + 1) * tile.width * 3), (y * width + left) * 3);
    left += tile.width + gap;
  }
  return { width, height, channels: 3, data };
}
