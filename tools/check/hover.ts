import { fileURLToPath } from "node:url";
import { hoverTexts } from "../docs/hover.ts";

/** What an editor shows over the fields of a request, by the built declarations, which users have. */
function main(): void {
  const hovers = hoverTexts(fileURLToPath(new URL("../../packages/core/dist/index.d.ts", import.meta.url)));
  const bare = hovers.filter(({ text, description }) => !text.includes(description));
  for (const { field } of bare) console.error(`${field}: an editor shows no text`);
  console.log(`${hovers.length - bare.length} of ${hovers.length} fields show their text in an editor`);
  process.exitCode = bare.length > 0 ? 1 : 0;
}

main();
