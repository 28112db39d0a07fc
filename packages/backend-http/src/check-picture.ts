import { GenerationError, probeImage } from "@latentkit/core";

/** As many pixels as a finished picture may have: 16384 × 16384. */
const maxPixels = 2 ** 28;

/** Holds what a server gave as a picture against its header. @throws GenerationError where it is none. */
export async function checkPicture(file: Uint8Array, backend: string): Promise<void> {
  await probeImage(file, "the server's picture", maxPixels).catch((cause: Error) => {
    throw new GenerationError(cause.message, { backend, cause });
  });
}
