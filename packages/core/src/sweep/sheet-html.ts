import { LatentKitError } from "../errors/latentkit-error.ts";
import { redact } from "../redact.ts";
import { type Axis, labelOf } from "./axes.ts";
import type { SweepCell } from "./sweep.ts";

/** A page of its own, with nothing to load: pictures in a table, and behind each its recipe. */
export async function sheetHtml(
  axes: readonly Axis[],
  cells: readonly SweepCell[],
  src: (cell: SweepCell, index: number) => string | Promise<string> = async ({ image }) => image!.dataUrl(),
): Promise<string> {
  const [across, ...down] = axes as [Axis, ...Axis[]];
  const columns = across.values.length;
  const rows: string[] = [];
  for (let first = 0; first < cells.length; first += columns) {
    const label = down
      .map(({ field }) => `${escaped(field)} ${escaped(labelOf(cells[first]?.values[field]))}`)
      .join("<br>");
    const tiles = await Promise.all(cells.slice(first, first + columns).map((cell, i) => tile(cell, first + i, src)));
    rows.push(`<tr><th>${label}</th>${tiles.join("")}</tr>`);
  }
  const heads = across.values.map((value) => `<th>${escaped(labelOf(value))}</th>`).join("");
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escaped(axes.map(({ field }) => field).join(" × "))}</title>
<style>body{font:14px system-ui;margin:16px}th{font-weight:600;text-align:left;padding:4px 8px;vertical-align:top}td{padding:4px;vertical-align:top}
img{display:block;min-width:128px;image-rendering:pixelated}pre{max-width:40em;overflow:auto}.failed{background:#ddd;padding:16px}</style>
<table><tr><th>${escaped(across.field)}</th>${heads}</tr>
${rows.join("\n")}
</table></html>
`;
}

async function tile(
  cell: SweepCell,
  index: number,
  src: (cell: SweepCell, index: number) => string | Promise<string>,
): Promise<string> {
  const { image, error, values } = cell;
  if (image === undefined) {
    const why = LatentKitError.isInstance(error)
      ? error.message
      : redact(error instanceof Error ? error.message : "failed");
    return `<td><div class="failed">${escaped(why)}</div></td>`;
  }
  const alt = Object.entries(values)
    .map(([field, value]) => `${field} ${labelOf(value)}`)
    .join(", ");
  const recipe = escaped(JSON.stringify(image.recipe, undefined, 2));
  return `<td><img src="${escaped(await src(cell, index))}" alt="${escaped(alt)}"><details><summary>recipe</summary><pre>${recipe}</pre></details></td>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
