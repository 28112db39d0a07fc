import { expect, test } from "vitest";
import { readSafetensors } from "../../../files/safetensors.ts";
import { fixture, recordedTensor } from "../../../testing/test-model.ts";
import { canny } from "./canny.ts";
import { lineArt, scribble } from "./lines.ts";

// Against OpenCV's own: tools/oracle/canny.py.
const file = fixture("canny.safetensors");
const { tensors } = await readSafetensors(file);
const pictureOf = async (name: string) => {
  const [height = 0, width = 0] = tensors.get(name)!.shape;
  return { width, height, channels: 3 as const, data: await recordedTensor(file, name) };
};

test.each([...tensors.keys()].filter((name) => name.includes(".")))("%s: every pixel is OpenCV's", async (name) => {
  const [picture, low, high] = name.split(".") as [string, string, string];
  const edges = canny(await pictureOf(picture), Number(low), Number(high));
  const expected = await recordedTensor(file, name);
  expect(edges.data.filter((_, i) => i % 3 === 0)).toEqual(new Uint8Array(expected));
});

test("line art and scribbles are light lines on dark, where dark ones stand on light", () => {
  const page = { width: 64, height: 64, channels: 3 as const, data: new Uint8Array(3 * 64 * 64).fill(220) };
  const drawn = {
    ...page,
    data: page.data.map((value, i) => ([30, 31].includes(Math.floor(i / 3) % 64) ? 30 : value)),
  };
  for (const draw of [lineArt, scribble]) {
    const { data } = draw(drawn);
    const at = (x: number) => data[3 * (64 * 20 + x)]!;
    expect(at(30)).toBeGreaterThan(100);
    expect(at(5)).toBe(0);
    expect(Math.max(...draw(page).data), "of nothing, nothing").toBe(0);
  }
});
