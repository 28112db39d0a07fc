/**
 * Serves this repository's packages to projects on this machine, until Ctrl-C:
 *
 *     npm run registry
 */
import { serveRegistry } from "./registry.ts";

const { url } = await serveRegistry(Number(process.env.PORT ?? 4873));
console.log(
  `Serving LatentKit's packages at ${url} (Ctrl-C ends it). In your project's .npmrc:\n\n@latentkit:registry=${url}\n\nThe command line, with that .npmrc too: npm install ${url}latentkit.tgz`,
);
