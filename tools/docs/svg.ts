/** One line of a panel. */
export interface Line {
  /** [x, y] pairs. */
  points: readonly (readonly [number, number])[];
  color: string;
  dashed?: boolean;
}

/** One small plot. */
export interface Panel {
  title: string;
  lines: Line[];
}

/** How a figure's panels are scaled; all share the same axes. */
export interface Figure {
  title: string;
  columns: number;
  x: Axis;
  y: Axis;
  panels: Panel[];
}

/** An axis: its range, which is in log₁₀ where `log` is set, and where it has ticks. */
export interface Axis {
  label: string;
  min: number;
  max: number;
  log?: boolean;
  ticks: readonly number[];
}

const WIDTH = 190;
const HEIGHT = 120;
const GAP = 18;
const LEFT = 58;
const TOP = 30;
const BOTTOM = 34;

/** Draws a figure of small panels, legible on a light and on a dark page. */
export function drawFigure({ title, columns, x, y, panels }: Figure): string {
  const rows = Math.ceil(panels.length / columns);
  const width = LEFT + columns * (WIDTH + GAP);
  const height = TOP + rows * (HEIGHT + GAP + 14) + BOTTOM;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}" font-family="system-ui, sans-serif" font-size="10">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="18" font-size="13" font-weight="600" fill="#1f2328">${title}</text>`,
  ];
  for (const [i, panel] of panels.entries()) {
    const left = LEFT + (i % columns) * (WIDTH + GAP);
    const top = TOP + Math.floor(i / columns) * (HEIGHT + GAP + 14) + 14;
    parts.push(drawPanel(panel, left, top, x, y, i % columns === 0, i >= panels.length - columns));
  }
  parts.push(
    `<text x="${LEFT + (columns * (WIDTH + GAP) - GAP) / 2}" y="${height - 8}" text-anchor="middle" fill="#57606a">${x.label}</text>`,
    `<text transform="translate(11 ${TOP + (height - TOP - BOTTOM) / 2}) rotate(-90)" text-anchor="middle" fill="#57606a">${y.label}</text>`,
    "</svg>",
  );
  return `${parts.join("\n")}\n`;
}

function drawPanel(
  { title, lines }: Panel,
  left: number,
  top: number,
  x: Axis,
  y: Axis,
  labelY: boolean,
  labelX: boolean,
): string {
  const placeX = (value: number) => left + share(value, x) * WIDTH;
  const placeY = (value: number) => top + (1 - share(value, y)) * HEIGHT;
  const out = [`<text x="${left}" y="${top - 4}" fill="#1f2328">${title}</text>`];
  for (const tick of y.ticks) {
    const at = placeY(tick).toFixed(1);
    out.push(`<path d="M${left} ${at}h${WIDTH}" stroke="#d8dee4" stroke-width="0.6"/>`);
    if (labelY)
      out.push(`<text x="${left - 4}" y="${Number(at) + 3}" text-anchor="end" fill="#57606a">${format(tick)}</text>`);
  }
  for (const tick of x.ticks) {
    const at = placeX(tick).toFixed(1);
    out.push(`<path d="M${at} ${top}v${HEIGHT}" stroke="#d8dee4" stroke-width="0.6"/>`);
    if (labelX)
      out.push(`<text x="${at}" y="${top + HEIGHT + 12}" text-anchor="middle" fill="#57606a">${format(tick)}</text>`);
  }
  out.push(
    `<rect x="${left}" y="${top}" width="${WIDTH}" height="${HEIGHT}" fill="none" stroke="#8c959f" stroke-width="0.8"/>`,
  );
  for (const { points, color, dashed } of lines) {
    const path = points
      .map(([px, py], i) => `${i ? "L" : "M"}${placeX(px).toFixed(1)} ${placeY(py).toFixed(1)}`)
      .join("");
    const dash = dashed ? ' stroke-dasharray="3 3"' : "";
    out.push(`<path d="${path}" fill="none" stroke="${color}" stroke-width="${dashed ? 1 : 1.8}"${dash}/>`);
    if (!dashed)
      for (const [px, py] of points.length <= 24 ? points : [])
        out.push(`<circle cx="${placeX(px).toFixed(1)}" cy="${placeY(py).toFixed(1)}" r="1.6" fill="${color}"/>`);
  }
  return out.join("\n");
}

function share(value: number, { min, max, log }: Axis): number {
  const clipped = Math.min(Math.max(value, min), max);
  if (!log) return (clipped - min) / (max - min);
  return (Math.log10(clipped) - Math.log10(min)) / (Math.log10(max) - Math.log10(min));
}

function format(value: number): string {
  return value !== 0 && Math.abs(value) < 0.01
    ? value.toExponential(0).replace("e", "·10^").replace("1·", "")
    : `${value}`;
}
