import type { Issue } from "@latentkit/core";
import type { Call, ServerContext } from "../context.ts";
import { toHttpError } from "../http-error.ts";

/** OpenAI's names of our fields. */
const params: Readonly<Record<string, string>> = {
  width: "size",
  height: "size",
  count: "n",
  guidanceScale: "guidance",
  negativePrompt: "negative_prompt",
  "output.format": "output_format",
  "output.quality": "output_compression",
};

const codes: Readonly<Record<string, string>> = { content_refused: "moderation_blocked", busy: "overloaded" };

/** An error in the words that OpenAI's clients read. */
export function openAiError(error: unknown, { names }: Pick<ServerContext, "names">) {
  const { status, error: known, headers } = toHttpError(error);
  const issue = (known.details.issues as Issue[] | undefined)?.[0];
  const field = issue?.field ?? (typeof known.details.field === "string" ? known.details.field : undefined);
  const isModel = field === "model" && known.code === "unsupported";
  const type = status >= 500 ? "server_error" : status === 401 ? "authentication_error" : "invalid_request_error";
  const body = {
    error: {
      message: names.toClient(known.message),
      type: known.code === "content_refused" ? "image_generation_user_error" : type,
      param: field === undefined || field === "" ? null : (params[field] ?? field),
      code: isModel ? "model_not_found" : (codes[known.code] ?? known.code),
    },
  };
  // OpenAI answers what it will not do with 400, a model that is not there with 404.
  return { status: isModel ? 404 : status === 422 ? 400 : status, body, headers, error: known };
}

/** Answers a call with an error. */
export function answerOpenAiError(c: Call, error: unknown, server: ServerContext): Response {
  const { status, body, headers, error: known } = openAiError(error, server);
  c.set("error", known);
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
  return c.json(body, status as 400);
}
