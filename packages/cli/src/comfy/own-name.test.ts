import { expect, it } from "vitest";
import { ownName } from "./own-name.ts";

it.each([
  ["mine_00001_.png", "mine_00001_.png"],
  ["Füchslein (2).MP4", "Füchslein (2).MP4"],
  ["sub/folder/fox.webp", "fox.webp"],
  ["../../.bashrc", "bashrc.bin"],
  ["..\\..\\fox.png", "fox.png"],
  ["latentkit.config.mjs", "latentkit.config.mjs.bin"],
  ["package.json", "package.json.bin"],
  [".env", "env.bin"],
  ["..", "file.bin"],
  ["", "file.bin"],
  ["fox\u001b[31m.png", "fox__31m.png"],
])("a server's %j is written as %j", (told, name) => {
  expect(ownName(told)).toBe(name);
});
