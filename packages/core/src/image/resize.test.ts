import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { resizeImage } from "./resize.ts";

// What Pillow makes of the same pictures: tools/oracle/resize.py.
interface Case {
  kind: string;
  channels: 3 | 4;
  from: [width: number, height: number];
  to: [width: number, height: number];
}

const { cases } = JSON.parse(await readFile(new URL("fixtures/resize.json", import.meta.url), "utf8")) as {
  cases: Case[];
};
const bytes = new Uint8Array(await readFile(new URL("fixtures/resize.bin", import.meta.url)));
let at = 0;
const take = (length: number) => {
  at += length;
  return bytes.subarray(at - length, at);
};
const recorded = cases.map((entry) => {
  const { channels, from, to } = entry;
  return { ...entry, source: take(from[0] * from[1] * channels), expected: take(to[0] * to[1] * channels) };
});

describe("resizeImage", () => {
  it.each(recorded)("is Pillow's to the byte: $kind $from to $to, $channels channels", async (entry) => {
    const [width, height] = entry.from;
    const pixels = { width, height, channels: entry.channels, data: entry.source };
    const resized = await resizeImage(pixels, ...entry.to);
    expect(resized).toMatchObject({ width: entry.to[0], height: entry.to[1], channels: entry.channels });
    expect(Buffer.compare(resized.data, entry.expected)).toBe(0);
  });

  it.each([24, 33, 36, 48, 66, 99, 132])("keeps what is in the middle there: 33 to %i", async (to) => {
    const data = new Uint8Array(33 * 33 * 3);
    for (let y = 12; y < 21; y++) data.fill(255, (y * 33 + 12) * 3, (y * 33 + 21) * 3);
    const resized = await resizeImage({ width: 33, height: 33, channels: 3, data }, to, to);
    let [sum, x, y] = [0, 0, 0];
    for (const [i, value] of resized.data.entries()) {
      const pixel = Math.floor(i / 3);
      sum += value;
      x += value * ((pixel % to) + 0.5);
      y += value * (Math.floor(pixel / to) + 0.5);
    }
    expect(x / sum).toBeCloseTo(to / 2, 2);
    expect(y / sum).toBeCloseTo(to / 2, 2);
  });

  // Pillow 12's Image.resize(…, BICUBIC) of the same bytes.
  it.each([
    [4, 4, "ec7a0550870433d658a2f52ab2cb63f490d7d3735fced001f29634fffb371964"],
    [12, 8, "b1dc17c340f9b17cbdaf93ea03346fcd625992a015bff5d854299452a9a6b0e9"],
  ])("resizes with Pillow's bicubic filter: 7×5 to %i×%i", async (width, height, hash) => {
    const data = Uint8Array.from({ length: 7 * 5 * 3 }, (_, i) => (i * 37 + 11) % 256);
    const resized = await resizeImage({ width: 7, height: 5, channels: 3, data }, width, height, "bicubic");
    expect(createHash("sha256").update(resized.data).digest("hex")).toBe(hash);
  });

  it("gives pixels of its own, and leaves the thread to others in a large picture", async () => {
    const pixels = { width: 2, height: 1, channels: 3 as const, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    const same = await resizeImage(pixels, 2, 1);
    expect(same).toEqual(pixels);
    expect(same.data).not.toBe(pixels.data);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await resizeImage({ width: 1500, height: 1500, channels: 3, data: new Uint8Array(1500 * 1500 * 3) }, 1800, 1800);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });
});
