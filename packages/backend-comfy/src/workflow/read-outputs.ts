import { GenerationError, NotFoundError } from "@latentkit/core";
import { comfyDetails, statusError } from "../comfy-error.ts";
import type { FoundPicture } from "../comfy-events.ts";
import type { ComfyServer } from "../server/comfy-server.ts";
import type { FileRef, HistoryEntry } from "../server/queue.ts";
import { viewUrl } from "../server/view-url.ts";
import type { OutputSpec } from "./define-workflow.ts";
import { WorkflowFile } from "./workflow-file.ts";

/** An output of a workflow, with its node found. */
export interface WantedOutput {
  name: string;
  id: string;
  spec: OutputSpec;
  /** Whether its pictures come over the socket, and are nowhere else. */
  isSent: boolean;
}

/** Files that an output gives; none where it gives text, raw data or pictures over the socket. */
export function filesOf({ id, spec, isSent }: WantedOutput, { outputs }: HistoryEntry): readonly FileRef[] {
  if (isSent || spec.kind === "raw" || spec.kind === "text") return [];
  const output = outputs[id] ?? {};
  return spec.kind === "files" ? Object.values(output).flat().filter(isFile) : (output.images ?? []);
}

/** What an output gives its caller. */
export function readOutput(
  server: ComfyServer,
  wanted: WantedOutput,
  history: HistoryEntry,
  sent: readonly FoundPicture[],
): unknown {
  const { id, name, spec, isSent } = wanted;
  const output = history.outputs[id] ?? {};
  if (spec.kind === "raw") return output;
  if (spec.kind === "text") {
    const values = Object.values(output).flat();
    return values.filter((value) => typeof value === "string");
  }
  if (!isSent) return filesOf(wanted, history).map((ref) => fileOf(server, ref));
  const own = sent.flatMap((found) => (found.nodeId === id && "bytes" in found ? [found] : []));
  return own.map(({ bytes, mediaType }, i) => {
    const filename = `${name}-${i}.${mediaType.split("/")[1]}`;
    return new WorkflowFile(filename, undefined, async () => bytes);
  });
}

/** The error of an output whose pictures were lost, however often they were asked for. */
export function lostError({ name, isSent }: WantedOutput, promptId: string): Error {
  const details = { promptId };
  return isSent
    ? new GenerationError(
        `The pictures of output "${name}" were lost on the socket.`,
        comfyDetails({ retryable: true, details }),
      )
    : new NotFoundError(`The files of output "${name}" are no longer on the server.`, comfyDetails({ details }));
}

function isFile(value: unknown): value is FileRef {
  return typeof (value as Partial<FileRef> | null)?.filename === "string";
}

function fileOf(server: ComfyServer, ref: FileRef): WorkflowFile {
  const { url } = viewUrl(server.url, ref);
  return new WorkflowFile(ref.filename, url, async () => {
    const { status, body } = await server.http.fetch(new URL(url));
    if (status !== 200) throw statusError(status, body.toString("utf8"), ref.filename);
    return body;
  });
}
