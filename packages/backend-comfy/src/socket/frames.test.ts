import { describe, expect, it } from "vitest";
import { decodeBinary, decodeText } from "./frames.ts";

function frame(...parts: (number | string | Uint8Array)[]): ArrayBuffer {
  const buffers = parts.map((part) => {
    if (typeof part !== "number") return Buffer.from(part as string);
    const word = Buffer.alloc(4);
    word.writeUInt32BE(part);
    return word;
  });
  const all = Buffer.concat(buffers);
  return all.buffer.slice(all.byteOffset, all.byteOffset + all.length);
}

const picture = Uint8Array.of(9, 8, 7);

describe("frames", () => {
  it("reads bare pictures", () => {
    expect(decodeBinary(frame(1, 1, picture))).toEqual({ kind: "image", mediaType: "image/jpeg", bytes: picture });
    expect(decodeBinary(frame(1, 2, picture))).toEqual({ kind: "image", mediaType: "image/png", bytes: picture });
  });

  it("reads pictures with metadata, by the node that the graph has", () => {
    const head = JSON.stringify({ node_id: "3.0.1", display_node_id: "3", prompt_id: "p", image_type: "image/png" });
    expect(decodeBinary(frame(4, head.length, head, picture))).toEqual({
      kind: "image",
      mediaType: "image/png",
      bytes: picture,
      promptId: "p",
      nodeId: "3",
    });
  });

  it("reads text", () => {
    expect(decodeBinary(frame(3, 2, "12", "loading"))).toEqual({ kind: "text", nodeId: "12", text: "loading" });
  });

  it.each([
    ["too short", frame(1)],
    ["of an unknown type", frame(77, 1, picture)],
    ["with a length beyond its end", frame(4, 5000, "{}")],
    ["with broken metadata", frame(4, 2, "{x", picture)],
  ])("drops a frame %s", (_, bytes) => {
    expect(decodeBinary(bytes)).toBeUndefined();
  });

  it("reads text frames, and drops what is none of ComfyUI's", () => {
    expect(decodeText('{"type":"status","data":{"n":18446744073709551615}}')).toEqual({
      kind: "json",
      type: "status",
      data: { n: 18446744073709551615n },
    });
    expect(decodeText('{"type":"crystools.monitor"}')).toMatchObject({ data: {} });
    expect(decodeText("hello")).toBeUndefined();
    expect(decodeText("[1]")).toBeUndefined();
  });
});
