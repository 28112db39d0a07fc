import process from "node:process";
import { resizeImage } from "../resize.ts";
import { decodeWithSharp, loaders } from "./decode-with-sharp.ts";
import { readFrames, writeFrame } from "./frames.ts";

// The decoder's program: forked by this package, never imported. One picture at a time, over stdin and stdout.
const { default: sharp } = await import("sharp");
sharp.cache(false);
// What may read a file is a list: whatever else libvips was built with stays shut.
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({ operation: Object.values(loaders) });

/** At once, whatever the threads of libvips are at: an orderly exit would wait for them. */
const end = () => process.kill(process.pid, "SIGKILL");
process.on("disconnect", end);
// Ctrl-C reaches every process of the terminal: the parent decides what becomes of its decoder.
process.on("SIGINT", () => {});

/** A picture that takes more than this is a bomb, whatever its header says. */
function watchMemory(maxPixels: number): NodeJS.Timeout {
  const limit = 2 ** 30 + maxPixels * 16;
  return setInterval(() => {
    if (process.memoryUsage.rss() > limit) end();
  }, 20);
}

const frames = readFrames(process.stdin);
for (let next = await frames.next(); next.done !== true; next = await frames.next()) {
  const { head, bytes } = next.value;
  const maxPixels = Number(head.maxPixels);
  const watch = watchMemory(maxPixels);
  try {
    let pixels = await decodeWithSharp(bytes, { maxPixels, opaque: head.opaque === true });
    const { width, height } = pixels;
    await writeFrame(process.stdout, { type: "size", width, height });
    const answer = await frames.next();
    if (answer.done === true) break;
    const wanted = answer.value.head as { width?: number; height?: number };
    if (
      wanted.width !== undefined &&
      wanted.height !== undefined &&
      (wanted.width !== width || wanted.height !== height)
    )
      pixels = await resizeImage(pixels, wanted.width, wanted.height);
    const { data, ...shape } = pixels;
    await writeFrame(process.stdout, { type: "pixels", ...shape }, [data]);
  } catch (error) {
    await writeFrame(process.stdout, {
      type: "failed",
      message: error instanceof Error ? error.message : String(error),
    });
  } finally {
    clearInterval(watch);
  }
}
end();
