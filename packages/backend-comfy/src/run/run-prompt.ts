import { InvalidRequestError, type Issue } from "@latentkit/core";
import type { FieldMap, Graph } from "../graph/graph.ts";
import type { LocalImage } from "../plan/load-images.ts";
import type { ComfyServer } from "../server/comfy-server.ts";
import { abortable } from "./abortable.ts";
import { cancelPrompt } from "./cancel.ts";
import { followPrompt, Inbox, type PromptNews } from "./follow.ts";
import type { Prompt } from "./submit.ts";
import { submitOrCancel } from "./submit-or-cancel.ts";
import { withServerNames } from "./uploads.ts";

/** What is to be run: a graph whose images go by our names for them, and those images. */
export interface PromptJob extends Pick<Prompt, "extraData" | "front"> {
  graph: Graph;
  fields: FieldMap;
  images: readonly LocalImage[];
}

/** A job, and the nodes whose results are waited for. */
export interface WaitedJob extends PromptJob {
  ends: readonly string[];
}

/** The server has taken a prompt. */
export interface Taken {
  kind: "taken";
  promptId: string;
  clientId: string;
  /** Outputs that it dropped, and why. */
  dropped: readonly Issue[];
}

/**
 * The one way in which anything is run: uploads, queueing, following to the end. Ends like {@link followPrompt}.
 *
 * @throws InvalidRequestError when the server refuses the graph or a picture, and what following throws.
 */
export async function* runPrompt(
  server: ComfyServer,
  { ends, ...job }: WaitedJob,
  signal: AbortSignal,
): AsyncGenerator<Taken | PromptNews> {
  const { clientId } = server.options;
  const named = await uploaded(server, job, signal);
  // The socket listens before the prompt exists, so that no event of a fast one is missed.
  const socket = server.socket(clientId);
  const promptId = crypto.randomUUID();
  const inbox = new Inbox(socket, promptId);
  /** The prompt, while nobody follows it: a reader who leaves right after the queueing has not begun to. */
  let unfollowed: string | undefined;
  try {
    await abortable(socket.ready(), signal);
    const prompt = { promptId, clientId, ...named };
    const sent = await submitOrCancel(server, prompt, signal).catch(async (error: unknown) => {
      if (!isImageGone(error, job)) throw error;
      return submitOrCancel(server, { ...prompt, ...(await uploaded(server, job, signal)) }, signal);
    });
    unfollowed = sent.promptId;
    yield { kind: "taken", promptId: sent.promptId, clientId, dropped: sent.dropped };
    unfollowed = undefined;
    const heard = sent.promptId === promptId ? { inbox, ends } : {};
    yield* followPrompt(server, { promptId: sent.promptId, clientId, ...heard }, signal);
  } finally {
    inbox.close();
    if (unfollowed !== undefined) await cancelPrompt(server, unfollowed);
  }
}

/** The prompt's part of a job, by the names that its images have on the server. */
async function uploaded(
  server: ComfyServer,
  { graph, images, ...rest }: PromptJob,
  signal: AbortSignal,
): Promise<Pick<Prompt, "graph" | "fields" | "extraData" | "front">> {
  return { ...rest, graph: withServerNames(graph, await server.uploads.send(images, signal)) };
}

/** The server's input folder was emptied since the upload: the refusal has made us forget what was sent. */
function isImageGone(error: unknown, { images }: PromptJob): boolean {
  const fields = images.map(({ field }) => field);
  return InvalidRequestError.isInstance(error) && error.issues.some(({ field }) => fields.includes(field));
}
