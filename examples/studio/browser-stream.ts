import { createServer } from "node:http";
import { Readable } from "node:stream";
import { eventStreamHeaders, loadClient } from "@latentkit/core";

// A page that shows a picture as it is made: events over HTTP, previews among them. Closing the page cancels the job.
const client = await loadClient();
const page = `<!doctype html><meta charset="utf-8"><title>LatentKit</title>
<form><input name="prompt" value="a pumpkin on grass" size="40"><button>Draw</button></form>
<progress max="1" value="0"></progress><br><img width="256" style="image-rendering:pixelated">
<script>
  const [form, bar, picture] = ["form", "progress", "img"].map((name) => document.querySelector(name));
  form.onsubmit = (event) => {
    event.preventDefault();
    const source = new EventSource("/draw?" + new URLSearchParams(new FormData(form)));
    source.addEventListener("progress", ({ data }) => { const { step, steps } = JSON.parse(data); bar.value = step / steps; });
    const show = ({ data }) => { picture.src = JSON.parse(data).image; };
    for (const name of ["preview", "image"]) source.addEventListener(name, show);
    for (const name of ["done", "error"]) source.addEventListener(name, () => source.close());
  };
</script>`;

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  if (pathname !== "/draw") return void response.writeHead(200, { "content-type": "text/html" }).end(page);
  const job = client.generate({ prompt: searchParams.get("prompt") ?? "", previewEvery: 2 });
  response.writeHead(200, eventStreamHeaders);
  const stream = Readable.fromWeb(job.toEventStream() as Parameters<typeof Readable.fromWeb>[0]);
  response.on("close", () => stream.destroy());
  stream.on("error", () => response.end()).pipe(response);
});
server.listen(Number(process.env.PORT ?? 8080), () =>
  console.log(`http://localhost:${(server.address() as { port: number }).port}`),
);
