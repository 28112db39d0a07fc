import { readFile } from "node:fs/promises";
import { Hono } from "hono";
import type { Bindings } from "./context.ts";
import { refuse } from "./http-error.ts";

const files: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript; charset=utf-8"],
  "/page.css": ["page.css", "text/css; charset=utf-8"],
};

/** Nothing from elsewhere, nothing inline, in no frame of another's. */
const headers = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-cache",
};

/** The page. It asks for no key itself: what it calls does. */
export function pageRoutes(): Hono<Bindings> {
  const app = new Hono<Bindings>();
  for (const [path, [file, type]] of Object.entries(files))
    app.get(path, async (c) => {
      // Its own path beside the code, in the sources as in the package. A bundler that moves the code leaves the page behind.
      const text = await readFile(new URL(`../assets/${file}`, import.meta.url), "utf8").catch(() => undefined);
      if (text === undefined)
        throw refuse("not_found", "The page's files do not lie beside this program; the API is at /v1.");
      return c.body(text, 200, { ...headers, "content-type": type });
    });
  return app;
}
