import { readRecipe, recipeTouches } from "@latentkit/core";
import { Hono } from "hono";
import type { Bindings, ServerContext } from "../context.ts";
import { refuse } from "../http-error.ts";
import { bodyOf, formOf, mediaType } from "../request/read-input.ts";

/** Files that are sent before the request that uses them, and recipes that are read from them. */
export function uploadRoutes(server: ServerContext): Hono<Bindings> {
  const { uploads } = server;
  const app = new Hono<Bindings>();
  const fileOf = async (c: Parameters<typeof bodyOf>[0]): Promise<Uint8Array> => {
    if (mediaType(c) !== "multipart/form-data") return bodyOf(c, server);
    const { files } = await formOf(c, server);
    if (files[0] === undefined) throw refuse("invalid_request", "The form has no file.");
    return files[0].bytes;
  };

  app.post("/uploads", async (c) => c.json(await uploads.add(c.get("caller"), await fileOf(c)), 201));
  app.get("/uploads/:sha256", (c) => {
    const upload = uploads.find(c.get("caller"), c.req.param("sha256"));
    if (upload === undefined) throw refuse("not_found", "There is no such upload: send the file.");
    return c.json(upload);
  });

  app.post("/recipes", async (c) => {
    const recipe = await readRecipe(await fileOf(c));
    return c.json({ recipe, touches: recipeTouches(recipe.request) });
  });
  return app;
}
