import { GenerationError, type LatentPayload } from "@latentkit/core";

/** The one tensor of a safetensors file (its header's length in 8 bytes, its header in JSON, its bytes). */
export function readLatent(bytes: Buffer, backend: string): LatentPayload {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensor = Object.entries(header).find(([name]) => name !== "__metadata__")?.[1];
  const shape = tensor?.shape.slice(-3);
  if (tensor?.dtype !== "F32" || shape?.length !== 3)
    throw new GenerationError("The server gave a latent of a form that is not known here.", { backend });
  const [from, to] = tensor.data_offsets;
  return {
    shape: shape as [number, number, number],
    base64: bytes.subarray(8 + length + from, 8 + length + to).toString("base64"),
  };
}
