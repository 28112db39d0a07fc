import { encodeImage, type GeneratedImage, InvalidRequestError, resizeImage, version } from "@latentkit/core";
import {
  type CallToolResult,
  type ServerContext as McpContext,
  McpServer,
  ResourceTemplate,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import type { ServerContext } from "../context.ts";
import type { ServedJob } from "../jobs/served-job.ts";
import { wholeNumber } from "../request/query.ts";

/** Longest side of the picture that an agent is shown; the whole one is a resource. */
const shownSide = 512;

const shared = {
  negative_prompt: z.string().optional().describe("What to keep out"),
  seed: z.number().int().min(0).optional().describe("The same seed makes the same picture; random where absent"),
  steps: z.number().int().min(1).optional().describe("Number of sampling steps; the model's own where absent"),
  guidance: z.number().min(0).optional().describe("How closely the prompt is followed; the model's own where absent"),
  count: z.number().int().min(1).optional().describe("Number of pictures"),
  model: z.string().optional().describe("A name of list_models; the default where absent"),
};
const GenerateInput = z.object({
  prompt: z.string().describe("What to draw"),
  width: z.number().int().optional().describe("Pixels; the model's own where absent"),
  height: z.number().int().optional().describe("Pixels; the model's own where absent"),
  ...shared,
});
const EditInput = z.object({
  prompt: z.string().describe("What to draw"),
  image: z
    .string()
    .describe("The picture to begin with: a latentkit:// link of an earlier result, or its file as base64"),
  mask: z.string().optional().describe("White where the picture is painted anew, as base64 or a link"),
  strength: z.number().min(0).max(1).optional().describe("How far to move from the picture: 0 keeps it, 1 ignores it"),
  ...shared,
});

/** The server as tools of an agent: one for each caller, as the caller is known by the connection. */
export function makeMcpServer(server: ServerContext, owner: string, requestId = "mcp"): McpServer {
  const { client, names, jobs } = server;
  const mcp = new McpServer(
    { name: "latentkit", title: "LatentKit", version },
    { instructions: "Draws pictures. list_models says what there is; results are links that edit_image takes." },
  );

  mcp.registerTool(
    "generate_image",
    {
      title: "Generate an image",
      description: "Makes pictures from a prompt. The answer shows each small and links the whole file.",
      inputSchema: GenerateInput,
    },
    async (args, context) => draw(requestOf(args), context),
  );
  mcp.registerTool(
    "edit_image",
    {
      title: "Edit an image",
      description: "Makes a picture from another one and a prompt; with a mask, only where it is white.",
      inputSchema: EditInput,
    },
    async ({ image, mask, strength, ...args }, context) => {
      const files = {
        image: await fileOf(image, "image"),
        ...(mask === undefined ? {} : { mask: await fileOf(mask, "mask") }),
      };
      return draw({ ...requestOf(args), ...files, ...(strength === undefined ? {} : { strength }) }, context);
    },
  );
  mcp.registerTool(
    "list_models",
    {
      title: "List models",
      description: "Models by name, and what the default one can do: tasks, sizes, samplers.",
      inputSchema: z.object({}),
      annotations: { readOnlyHint: true },
    },
    async () => {
      const found = names.shown(await client.capabilities());
      const models = [...new Set([...(found.model === undefined ? [] : [found.model.id]), ...names.list("models")])];
      return {
        content: [{ type: "text", text: JSON.stringify({ models, loras: names.list("loras"), default: found }) }],
      };
    },
  );
  mcp.registerResource(
    "image",
    new ResourceTemplate("latentkit://jobs/{job}/images/{index}", { list: undefined }),
    { title: "A picture", mimeType: "image/png" },
    async (uri, { job, index }) => {
      const image = imageOf(jobs.find(String(job), owner), String(index));
      return {
        contents: [
          { uri: uri.href, mimeType: image.mediaType, blob: Buffer.from(await image.bytes()).toString("base64") },
        ],
      };
    },
  );
  return mcp;

  async function draw(input: Record<string, unknown>, context: McpContext): Promise<CallToolResult> {
    const { signal } = context.mcpReq;
    try {
      const { job } = await jobs.order({ owner, requestId, dialect: "mcp", input, signal });
      const leave = () => void job.cancel("The agent cancelled the call.");
      signal.addEventListener("abort", leave, { once: true });
      await tellProgress(job, context);
      await job.ended;
      signal.removeEventListener("abort", leave);
      if (job.error !== undefined) throw job.error;
      return { content: (await Promise.all(job.images.map((image) => shown(job, image)))).flat() };
    } catch (error) {
      // An agent reads what was wrong, and can do better.
      const message = names.toClient(error instanceof Error ? error.message : String(error));
      return { isError: true, content: [{ type: "text", text: message }] };
    }
  }

  async function tellProgress(job: ServedJob, { mcpReq }: McpContext): Promise<void> {
    const progressToken = mcpReq._meta?.progressToken;
    for (let after = -1; ; ) {
      const item = await job.log.after(after, 60_000);
      if (item === undefined) return;
      if (item === "later") continue;
      after = item.id;
      if (item.event.type !== "progress" || progressToken === undefined) continue;
      const { phase, step, steps, index = 0 } = item.event;
      const [progress, total] = phase === "sample" ? [index * steps + step, steps * job.request.count] : [step, steps];
      await mcpReq
        .notify({
          method: "notifications/progress",
          params: { progressToken, progress, total, message: `${phase} ${step}/${steps}` },
        })
        .catch(() => {});
    }
  }

  async function shown(job: ServedJob, image: GeneratedImage): Promise<CallToolResult["content"]> {
    const pixels = await image.pixels();
    const scale = Math.min(1, shownSide / Math.max(pixels.width, pixels.height));
    const small =
      scale === 1
        ? pixels
        : await resizeImage(pixels, Math.round(pixels.width * scale), Math.round(pixels.height * scale));
    const data = Buffer.from(await encodeImage(small, "jpeg", 80)).toString("base64");
    const { request } = names.shown(image.recipe);
    const made = {
      seed: image.seed,
      width: pixels.width,
      height: pixels.height,
      steps: request.steps,
      guidance: request.guidanceScale,
    };
    return [
      { type: "image", data, mimeType: "image/jpeg" },
      {
        type: "resource_link",
        uri: `latentkit://jobs/${job.id}/images/${image.index}`,
        name: `image-${image.index}`,
        mimeType: image.mediaType,
        description: JSON.stringify(made),
      },
    ];
  }

  /** A picture of before, or base64: a path would be this machine's. */
  async function fileOf(text: string, field: string): Promise<{ base64: string }> {
    const [, id, index] = /^latentkit:\/\/jobs\/([\w-]+)\/images\/(\d+)$/.exec(text) ?? [];
    if (id !== undefined)
      return {
        base64: Buffer.from(await imageOf(jobs.find(id, owner), index!).bytes("png", { embedRecipe: false })).toString(
          "base64",
        ),
      };
    const base64 = text.replace(/^data:[^,]*;base64,/, "");
    if (/^[\w+/\s-]+={0,2}$/.test(base64.slice(0, 1000)) && base64.length > 100) return { base64 };
    throw new InvalidRequestError([
      { field, message: "must be a latentkit:// link of an earlier result, or a picture's file as base64" },
    ]);
  }
}

function requestOf({
  negative_prompt,
  guidance,
  ...fields
}: z.output<typeof GenerateInput> | Omit<z.output<typeof EditInput>, "image" | "mask" | "strength">) {
  const renamed = {
    ...(negative_prompt ? { negativePrompt: negative_prompt } : {}),
    ...(guidance === undefined ? {} : { guidanceScale: guidance }),
  };
  return { ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)), ...renamed };
}

function imageOf(job: ServedJob, index: string): GeneratedImage {
  const wanted = wholeNumber(index, "index", 0, 100_000);
  const image = job.images.find((other) => other.index === wanted);
  if (image === undefined)
    throw new InvalidRequestError([{ field: "image", message: `the job has no picture ${index}` }]);
  return image;
}
