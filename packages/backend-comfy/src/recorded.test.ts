import { readFileSync } from "node:fs";
import type { GenerationEvent } from "@latentkit/core";
import { describe, expect, it } from "vitest";
import { Translator } from "./comfy-events.ts";
import type { Graph } from "./graph/graph.ts";
import { parseExact, stringifyExact } from "./http/exact-json.ts";
import { flattenNodeErrors, type Refusal } from "./run/node-errors.ts";
import { cachedNodes, failureOf } from "./run/outcome.ts";
import { checkGraph } from "./server/check-graph.ts";
import { ObjectInfo } from "./server/object-info.ts";
import type { HistoryEntry } from "./server/queue.ts";
import { decodeBinary, decodeText } from "./socket/frames.ts";

interface Run {
  graph: Graph;
  answer: { status: number; text: string };
  frames: ({ text: string } | { binary: string })[];
  history: string;
}
type RunName = "success" | "cached" | "interrupted" | "failed" | "refused";

const file = new URL("./fixtures/recorded.json", import.meta.url);
/** What a real ComfyUI 0.3.64 said, frame by frame, with client ids and paths taken out. */
const recorded = JSON.parse(readFileSync(file, "utf8")) as Record<RunName, Run> & {
  objectInfo: Record<string, string>;
};

function replay({ graph, frames }: Run, previewEvery = 0): GenerationEvent[] {
  const translator = new Translator({
    graph,
    outputs: { save: 0 },
    previewEvery,
    started: () => ({ type: "started" }),
    picture: (found) => ({
      type: "image",
      index: 0,
      image: { kind: "url", url: "file" in found ? found.file.filename : "socket" },
    }),
  });
  return frames.flatMap((frame) => {
    const bytes = "binary" in frame ? new Uint8Array(Buffer.from(frame.binary, "base64")).buffer : undefined;
    const news = "text" in frame ? decodeText(frame.text) : decodeBinary(bytes!);
    return news === undefined ? [] : [...translator.events(news)];
  });
}

function historyOf({ history }: Run): [string, HistoryEntry] {
  return Object.entries(parseExact(history) as Record<string, HistoryEntry>)[0]!;
}

describe("recorded traffic of a real server", () => {
  it("a run from the first frame to the last", () => {
    const events = replay(recorded.success, 1);
    expect(events[0]).toEqual({ type: "started" });
    expect(
      events.flatMap((event) => (event.type === "progress" && event.phase === "sample" ? [event.step] : [])),
    ).toEqual([1, 2, 3]);
    const fractions = events.flatMap((event) => (event.type === "progress" ? [event.fraction!] : []));
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
    const previews = events.filter((event) => event.type === "preview");
    expect(previews).toHaveLength(3);
    for (const { image } of previews) expect(image).toMatchObject({ kind: "encoded", mediaType: "image/jpeg" });
    expect(events.filter((event) => event.type === "image")).toEqual([
      { type: "image", index: 0, image: { kind: "url", url: "rec_00001_.png" } },
    ]);
    const [id, history] = historyOf(recorded.success);
    expect(failureOf(history, id)).toBeUndefined();
    expect((history.prompt![2] as Graph)["sampler"]!.inputs["seed"]).toBe(2n ** 64n - 1n);
    expect(stringifyExact(history.prompt![2])).toContain('"seed":18446744073709551615');
  });

  it("a run of a newer server, whose guidance begins and ends between the steps: one count of steps over three samplers", () => {
    const newer = new URL("./fixtures/recorded-stretches.json", import.meta.url);
    const { stretches } = JSON.parse(readFileSync(newer, "utf8")) as { stretches: Run };
    const events = replay(stretches, 1);
    const sampled = events.flatMap((event) => (event.type === "progress" && event.phase === "sample" ? [event] : []));
    expect(sampled.map(({ step, steps }) => [step, steps])).toEqual([
      [1, 4],
      [2, 4],
      [3, 4],
      [4, 4],
    ]);
    const previews = events.flatMap((event) => (event.type === "preview" ? [event] : []));
    expect(previews.map(({ step }) => step)).toEqual([0, 1, 2, 3]);
    const fractions = events.flatMap((event) => (event.type === "progress" ? [event.fraction!] : []));
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    const [id, history] = historyOf(stretches);
    expect(failureOf(history, id)).toBeUndefined();
    expect((history.prompt![2] as Graph)["sampler"]!._meta).toMatchObject({ from: 3, of: 4 });
  });

  it("a run answered from the cache, whose files wait to be looked at", () => {
    const events = replay(recorded.cached);
    expect(events.filter((event) => event.type === "image")).toEqual([]);
    const [, history] = historyOf(recorded.cached);
    expect(cachedNodes(history)).toContain("save");
    expect(history.outputs["save"]!.images![0]!.filename).toBe("rec_00001_.png");
  });

  it("an interrupted run", () => {
    const [id, history] = historyOf(recorded.interrupted);
    expect(failureOf(history, id)).toMatchObject({ code: "aborted" });
    expect(replay(recorded.interrupted).filter((event) => event.type === "image")).toEqual([]);
  });

  it("a run that fails", () => {
    const [id, history] = historyOf(recorded.failed);
    expect(failureOf(history, id)).toMatchObject({
      code: "generation",
      message: expect.stringMatching(/^ComfyUI failed in node image \(LoadImage\): cannot identify image file/),
      details: { node: "image", promptId: id },
    });
  });

  it("a refusal", () => {
    const fields = { "sampler.sampler_name": "sampler", "sampler.cfg": "guidanceScale", "sampler.steps": "steps" };
    const issues = flattenNodeErrors(parseExact(recorded.refused.answer.text) as Refusal, fields);
    expect(recorded.refused.answer.status).toBe(400);
    expect(issues.map(({ field }) => field).sort()).toEqual(["guidanceScale", "sampler", "steps"]);
    expect(issues.find(({ field }) => field === "guidanceScale")).toMatchObject({ allowed: { min: 0, max: 100 } });
  });

  it("node definitions", () => {
    const raw = Object.assign({}, ...Object.values(recorded.objectInfo).map((text) => parseExact(text)));
    const info = ObjectInfo.parse(raw);
    expect(info.choices("CheckpointLoaderSimple", "ckpt_name")).toEqual(["tiny-sd15.safetensors"]);
    expect(info.choices("KSampler", "sampler_name").length).toBeGreaterThan(30);
    expect(info.input("KSampler", "seed")).toMatchObject({ kind: "number", max: 2n ** 64n - 1n, control: true });
    expect(info.input("LoadImage", "image")).toMatchObject({ kind: "combo", upload: true });
    expect(checkGraph(recorded.success.graph, info)).toEqual([
      { field: "sampler.seed", message: expect.stringContaining("must be a whole number"), allowed: expect.anything() },
    ]);
  });
});
