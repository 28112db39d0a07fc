import { existsSync, readdirSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitepress";

const docs = fileURLToPath(new URL("..", import.meta.url));
const root = resolve(docs, "..");
const repository = "https://github.com/latentkit/latentkit";

const decisions = readdirSync(resolve(docs, "decisions"))
  .filter((file) => file.endsWith(".md"))
  .sort()
  .map((file) => ({
    text: file.replace(/^(\d+)-(.*)\.md$/, "$1 $2").replaceAll("-", " "),
    link: `/decisions/${file.slice(0, -3)}`,
  }));

/** A page that is there: others write theirs beside this one. */
const pages = (...names: (readonly [name: string, text: string])[]) =>
  names.filter(([name]) => existsSync(resolve(docs, `${name}.md`))).map(([name, text]) => ({ text, link: `/${name}` }));

/** The site: the documents as they lie in the repository. What they link to beside them lies in the repository on the web. */
export default defineConfig({
  title: "LatentKit",
  description: "A headless diffusion SDK for TypeScript",
  outDir: "../.site",
  cleanUrls: true,
  // What lies outside the documents is checked by tools/check/links.ts, and leads to the repository here.
  ignoreDeadLinks: [/examples|packages|tools|CONTRIBUTING|README/],
  lastUpdated: false,
  themeConfig: {
    search: { provider: "local" },
    socialLinks: [{ icon: "github", link: repository }],
    sidebar: [
      {
        text: "Start",
        items: pages(
          ["install", "Install"],
          ["guide", "Guide"],
          ["concepts", "What the settings do"],
          ["glossary", "Glossary"],
        ),
      },
      {
        text: "Tasks",
        items: pages(
          ["cookbook", "Cookbook"],
          ["batches", "Batches, sweeps, templates"],
          ["compose", "Backends of backends"],
          ["replay", "Pictures of other programs"],
          ["deploy", "Deploy"],
          ["server", "A server"],
          ["queue", "Many machines"],
          ["security", "Security"],
        ),
      },
      {
        text: "Backends",
        items: pages(
          ["backend-local", "This machine"],
          ["devices", "GPUs"],
          ["backend-comfy", "ComfyUI"],
          ["backend-replicate", "Replicate"],
          ["hosted", "Hosted models"],
          ["writing-a-backend", "Writing one"],
        ),
      },
      {
        text: "Reference",
        items: pages(
          ["request", "The request"],
          ["events", "Events"],
          ["image", "Pictures"],
          ["prompts", "Prompts"],
          ["samplers", "Samplers"],
        ),
      },
      { text: "Decisions", collapsed: true, items: decisions },
    ],
  },
  markdown: {
    config: (markdown) => {
      const plain =
        markdown.renderer.rules.link_open ?? ((tokens, i, options, _, self) => self.renderToken(tokens, i, options));
      markdown.renderer.rules.link_open = (tokens, i, options, env: { path?: string }, self) => {
        const token = tokens[i]!;
        const href = token.attrGet("href") ?? "";
        const outside = beyondDocs(href, env.path);
        if (outside === undefined) return plain(tokens, i, options, env, self);
        token.attrSet("href", outside);
        return self.renderToken(tokens, i, options);
      };
    },
  },
});

/** The web address of a link that leads out of the documents' folder. */
function beyondDocs(href: string, page: string | undefined): string | undefined {
  if (page === undefined || /^[a-z]+:|^#|^\//i.test(href)) return undefined;
  const [path = "", heading] = href.split("#");
  const target = resolve(dirname(page), path);
  const isInside = !relative(docs, target).startsWith("..") && (target.endsWith(".md") || existsSync(`${target}.md`));
  if (isInside) return undefined;
  return `${repository}/blob/main/${relative(root, target)}${heading === undefined ? "" : `#${heading}`}`;
}
