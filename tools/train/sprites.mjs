// Draws every vocabulary object in every style to a 192 px PNG with alpha: `node sprites.mjs OUT_DIR`.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import sharp from "sharp";

const SIZE = 192;
const require = createRequire(import.meta.url);
const out = process.argv[2] ?? "sprites";
const vocabulary = JSON.parse(await readFile(new URL("vocabulary.json", import.meta.url), "utf8"));

/** A lookup from code point to SVG text in an Iconify set. */
function iconify(name) {
  const set = require(`${name}/icons.json`);
  const chars = require(`${name}/chars.json`);
  return (code) => {
    const icon = chars[code] ?? chars[`${code}-fe0f`];
    const found = set.icons[icon] ?? set.icons[set.aliases?.[icon]?.parent];
    if (!found) throw new Error(`${name} has no ${code}`);
    const width = found.width ?? set.width ?? 16;
    const height = found.height ?? set.height ?? 16;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="512" height="512" viewBox="0 0 ${width} ${height}">${found.body}</svg>`;
    return Buffer.from(svg);
  };
}

const fluent3d = join(dirname(require.resolve("@lobehub/fluent-emoji-3d/package.json")), "assets");
const styles = {
  "3d": (code) => readFile(join(fluent3d, `${code}.webp`)).catch(() => readFile(join(fluent3d, `${code}-fe0f.webp`))),
  flat: iconify("@iconify-json/fluent-emoji-flat"),
  cartoon: iconify("@iconify-json/noto"),
};

await mkdir(out, { recursive: true });
for (const { name, code } of vocabulary.objects) {
  for (const [style, load] of Object.entries(styles)) {
    // Trimmed to what is drawn, then fitted into the square, so that every sprite has the same apparent size.
    const image = sharp(await load(code))
      .ensureAlpha()
      .trim({ background: { r: 0, g: 0, b: 0, alpha: 0 }, threshold: 2 });
    const fitted = await image
      .resize(SIZE, SIZE, { fit: "contain", background: { r: 0, g: 0, b: 0, alpha: 0 }, kernel: "lanczos3" })
      .png()
      .toBuffer();
    await writeFile(join(out, `${name.replaceAll(" ", "_")}.${style}.png`), fitted);
  }
}
