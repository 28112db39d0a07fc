import { ConfigError, InvalidRequestError } from "@latentkit/core";
import type { ComfyServer } from "./comfy-server.ts";
import type { ObjectInfo } from "./object-info.ts";

/**
 * Judges something by the server's node definitions. Before it is refused by definitions that were read earlier, they
 * are read anew, once: models, embeddings and nodes may have been added since.
 *
 * @throws what `judge` throws, and what reading the definitions does.
 */
export async function byDefinitions<T>(
  server: ComfyServer,
  signal: AbortSignal | undefined,
  judge: (info: ObjectInfo) => T | Promise<T>,
): Promise<T> {
  const begun = performance.now();
  try {
    return await judge(await server.objectInfo(signal));
  } catch (error) {
    const isRefusal = InvalidRequestError.isInstance(error) || ConfigError.isInstance(error);
    if (!isRefusal || !server.forgetDefinitions(begun)) throw error;
  }
  return judge(await server.objectInfo(signal));
}
