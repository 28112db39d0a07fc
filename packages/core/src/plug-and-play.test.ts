import { expect, onTestFinished, test } from "vitest";
import { plugAndPlay } from "./plug-and-play.ts";

test("Yarn's hooks go along to the engine, nothing else does", () => {
  const NODE_OPTIONS =
    '--max-old-space-size=99 --require "/my folder/.pnp.cjs" --inspect --experimental-loader file:///my%20folder/.pnp.loader.mjs';
  expect(plugAndPlay({ NODE_OPTIONS })).toEqual([]);
  Object.defineProperty(process.versions, "pnp", { value: "3", configurable: true });
  onTestFinished(() => void Reflect.deleteProperty(process.versions, "pnp"));
  expect(plugAndPlay({ NODE_OPTIONS })).toEqual([
    "--require",
    "/my folder/.pnp.cjs",
    "--experimental-loader",
    "file:///my%20folder/.pnp.loader.mjs",
  ]);
  expect(plugAndPlay({})).toEqual([]);
});
