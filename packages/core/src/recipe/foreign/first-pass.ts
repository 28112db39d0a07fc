import { renamed } from "./renamed-settings.ts";

/**
 * Settings in today's words where A1111 of before 2023 wrote a second pass: `Size` was then the picture's, and `First pass size` what was
 * drawn first; 0x0 left it to be as many pixels as 512 x 512 has, in multiples of 64.
 */
export function withoutFirstPass(settings: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const first = sizeIn(settings.get("First pass size"));
  const size = sizeIn(settings.get("Size"));
  if (first === undefined || size === undefined) return settings;
  const scale = Math.sqrt((512 * 512) / (size[0] * size[1]));
  const [width, height] = first.includes(0) ? size.map((side) => Math.ceil((scale * side) / 64) * 64) : first;
  const today = renamed(settings, { "First pass size": undefined });
  today.set("Size", `${width}x${height}`);
  today.set("Hires resize", `${size[0]}x${size[1]}`);
  return today;
}

function sizeIn(text: string | undefined): [number, number] | undefined {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(text ?? "") ?? [];
  return width === undefined ? undefined : [Number(width), Number(height)];
}
