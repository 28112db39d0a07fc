import { parseExact } from "../http/exact-json.ts";

/** A text frame: `{ type, data }`. */
export interface JsonFrame {
  kind: "json";
  type: string;
  data: Record<string, unknown>;
}

/** A picture, unfinished or, from SaveImageWebsocket, finished. */
export interface ImageFrame {
  kind: "image";
  mediaType: string;
  bytes: Uint8Array;
  /** Only with metadata (type 4); frames of type 1 do not say whose they are. */
  promptId?: string;
  nodeId?: string;
}

/** Text that a node sends while it works. */
export interface TextFrame {
  kind: "text";
  nodeId: string;
  text: string;
}

/** Whatever the server sends over its socket. */
export type Frame = JsonFrame | ImageFrame | TextFrame;

const utf8 = new TextDecoder();

/** Reads a text frame; undefined for what is not ComfyUI's. */
export function decodeText(text: string): JsonFrame | undefined {
  try {
    const { type, data } = parseExact(text) as { type?: unknown; data?: unknown };
    if (typeof type !== "string") return undefined;
    return { kind: "json", type, data: typeof data === "object" && data !== null ? (data as JsonFrame["data"]) : {} };
  } catch {
    return undefined;
  }
}

/**
 * Reads a binary frame: big-endian u32 type, then 1: `[u32 format][image]`, 3: `[u32 length][node id][text]`,
 * 4: `[u32 length][JSON metadata][image]`. Undefined for other types and for broken frames.
 */
export function decodeBinary(buffer: ArrayBuffer): ImageFrame | TextFrame | undefined {
  const bytes = new Uint8Array(buffer);
  if (bytes.length < 8) return undefined;
  const view = new DataView(buffer);
  const type = view.getUint32(0);
  const second = view.getUint32(4);
  if (type === 1)
    return { kind: "image", mediaType: second === 2 ? "image/png" : "image/jpeg", bytes: bytes.subarray(8) };
  if (8 + second > bytes.length) return undefined;
  const head = utf8.decode(bytes.subarray(8, 8 + second));
  const rest = bytes.subarray(8 + second);
  if (type === 3) return { kind: "text", nodeId: head, text: utf8.decode(rest) };
  return type === 4 ? withMetadata(head, rest) : undefined;
}

function withMetadata(head: string, bytes: Uint8Array): ImageFrame | undefined {
  try {
    const meta = JSON.parse(head) as Record<string, unknown>;
    const nodeId = meta["display_node_id"] ?? meta["node_id"];
    return {
      kind: "image",
      mediaType: typeof meta["image_type"] === "string" ? meta["image_type"] : "image/jpeg",
      bytes,
      ...(typeof meta["prompt_id"] === "string" ? { promptId: meta["prompt_id"] } : {}),
      ...(typeof nodeId === "string" ? { nodeId } : {}),
    };
  } catch {
    return undefined;
  }
}
