import { describe, expect, it } from "vitest";
import type { Prediction } from "./api/prediction.ts";
import { outputUrls } from "./follow/outputs.ts";
import { PredictionReader, toPayload } from "./replicate-events.ts";

const reader = (options: Partial<ConstructorParameters<typeof PredictionReader>[0]> = {}) => {
  let next = 5;
  return new PredictionReader({
    index: 0,
    several: false,
    previews: false,
    previewEvery: 0,
    nextIndex: () => next++,
    ...options,
  });
};
const state = (fields: Partial<Prediction>): Prediction => ({ id: "p", status: "processing", ...fields });
const url = (name: string) => `https://replicate.delivery/x/${name}.webp`;

describe("a prediction's states", () => {
  it("tell each log line and step once, though the log is told whole each time", () => {
    const read = reader();
    expect(read.read(state({ logs: "Using seed: 3\nhal" }))).toEqual([
      { type: "log", level: "info", message: "Using seed: 3" },
    ]);
    expect(read.read(state({ logs: "Using seed: 3\nhalf a line\n" }))).toEqual([
      { type: "log", level: "info", message: "half a line" },
    ]);
    expect(read.read(state({ logs: "Using seed: 3\nhalf a line\n" }))).toEqual([]);
    expect(read.seed).toBe("3");
  });

  it("tell what follows a log that lost its head or was streamed in part", () => {
    const read = reader();
    read.readLogs("one\ntwo\n");
    expect(read.read(state({ logs: "one\n" }))).toEqual([]);
    expect(read.read(state({ logs: "one\ntwo\nthree\n" }))).toMatchObject([{ message: "three" }]);
  });

  it("keep steps going up: a bar that starts again is another pass", () => {
    const read = reader();
    const bar = (step: number, steps: number) => `${step}%|#| ${step}/${steps} [00:01<00:01]\n`;
    const logs = bar(1, 2) + bar(2, 2) + bar(1, 3) + bar(3, 3);
    const phases = read
      .read(state({ logs }))
      .map((event) => (event.type === "progress" ? [event.phase, event.step] : []));
    expect(phases).toEqual([
      ["sample", 1],
      ["sample", 2],
      ["sample 2", 1],
      ["sample 2", 3],
    ]);
    expect(read.fraction).toBe(1);
  });

  it("tell outputs as they come, from the stream and from the state, each once", () => {
    const read = reader({ several: true, seed: 9 });
    expect(read.readOutput(url("0"))).toMatchObject([
      { type: "image", index: 0, seed: 9, image: { mediaType: "image/webp" } },
    ]);
    expect(read.read(state({ output: [url("0")] }))).toEqual([]);
    expect(read.read(state({ output: [url("0"), url("1")] }))).toMatchObject([{ type: "image", index: 5 }]);
    expect(read.read(state({ status: "succeeded", output: [url("0"), url("1")] }))).toEqual([]);
    expect(read.images).toBe(2);
  });

  it("are told once where a stream begins anew after a state", () => {
    const read = reader();
    const logs = "one\n50%|#| 1/2 [00:01<00:01]\n";
    read.read(state({ logs, output: [url("0")] }));
    expect(read.readOutput(url("0"))).toEqual([]);
    expect([...read.readLogs("one\n"), ...read.readLogs("50%|#| 1/2 [00:01<00:01]\n")]).toEqual([]);
    expect(read.readLogs("two\n")).toMatchObject([{ message: "two" }]);
    expect(read.readOutput(url("1"))).toMatchObject([{ type: "image", image: { url: url("1") } }]);
    expect(read.read(state({ status: "succeeded", logs: `${logs}two\n`, output: [url("0"), url("1")] }))).toEqual([]);
  });

  it("of a model that shows its picture in the making are previews, and the last is the picture", () => {
    const read = reader({ previews: true, previewEvery: 2 });
    const names = ["0", "1", "2", "3"].map(url);
    expect(read.read(state({ output: names.slice(0, 1) }))).toEqual([]);
    expect(read.read(state({ output: names.slice(0, 3) }))).toMatchObject([
      { type: "preview", image: { url: url("0") } },
    ]);
    expect(read.read(state({ status: "succeeded", output: names }))).toMatchObject([
      { type: "preview", image: { url: url("2") } },
      { type: "image", image: { url: url("3") } },
    ]);
    expect(read.images).toBe(1);
  });

  it("of a failed preview model hold no picture", () => {
    const read = reader({ previews: true });
    expect(read.read(state({ status: "failed", output: [url("0")] }))).toEqual([]);
    expect(read.images).toBe(0);
  });
});

describe("an output", () => {
  it("is found in texts, lists and objects", () => {
    expect(outputUrls(url("a"))).toEqual([url("a")]);
    expect(outputUrls([url("a"), null, "words", url("b")])).toEqual([url("a"), url("b")]);
    expect(outputUrls({ image: url("a"), seed: 3, more: [{ mask: url("b") }] })).toEqual([url("a"), url("b")]);
    expect(outputUrls(null)).toEqual([]);
    const inline = ["data:text/plain;base64,AAAA", "data:video/mp4;base64,AAAA", "data:image/png;base64,AAAA"];
    expect(outputUrls(inline)).toEqual([inline[2]]);
  });

  it("expires an hour after the prediction's end; a data URL is the picture itself", () => {
    expect(toPayload(url("a"), { completed_at: "2026-11-23T10:00:00Z" })).toEqual({
      kind: "url",
      url: url("a"),
      mediaType: "image/webp",
      expiresAt: "2026-11-23T11:00:00.000Z",
    });
    expect(toPayload("data:image/png;base64,AAAA", undefined)).toEqual({
      kind: "encoded",
      mediaType: "image/png",
      base64: "AAAA",
    });
  });
});
