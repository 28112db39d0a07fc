import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, request as send } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@latentkit/core";
import { Agent } from "undici";
import { describe, expect, it } from "vitest";
import { replicate } from "../replicate.ts";
import { fakeModels } from "../testing/fake-models.ts";
import { failureOf, harness } from "../testing/harness.ts";

const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;

/** A certificate for 127.0.0.1, made by openssl; undefined where there is none. */
function makeCertificate(): { key: string; cert: string } | undefined {
  const folder = mkdtempSync(join(tmpdir(), "latentkit-test-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  try {
    const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
    const args = [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "2",
      "-keyout",
      key,
      "-out",
      cert,
      ...subject,
    ];
    execFileSync("openssl", args, { stdio: "ignore" });
    return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A proxy on loopback that forwards, tunnels, and remembers what it heard. */
async function startProxy() {
  const [forwarded, tunnels, heard]: [string[], string[], string[]] = [[], [], []];
  const sockets = new Set<Socket>();
  const server = createServer((request, reply) => {
    forwarded.push(request.url ?? "");
    const { method, headers } = request;
    const onward = send(request.url ?? "", { method, headers }, (answer) => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(reply);
    });
    onward.on("error", () => reply.destroy());
    request.pipe(onward);
  });
  server.on("connect", (request, socket: Socket) => {
    tunnels.push(request.url ?? "");
    heard.push(JSON.stringify(request.headers));
    const port = Number(request.url?.split(":")[1]);
    const target = connect(port, "127.0.0.1", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
    target.pipe(socket).pipe(target);
    for (const each of [socket, target]) each.on("error", () => {});
    sockets.add(socket).add(target);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${portOf(server)}`, forwarded, tunnels, heard, close };
}

describe("connections", () => {
  it("go through a proxy where one is named", async () => {
    const proxy = await startProxy();
    await using h = await harness({ proxy: proxy.url });
    const { images } = await h.client.generate({ prompt: "stream" });
    expect((await images[0]!.pixels()).width).toBe(24);
    const hosts = new Set(proxy.forwarded.map((url) => new URL(url).origin));
    expect(hosts).toEqual(new Set([new URL(h.fake.url).origin, h.fake.state.deliveryUrl]));
    proxy.close();
  });

  it("trust a company's certificate that is given, and no other, through a proxy that sees no token", async ({
    skip,
  }) => {
    const pair = makeCertificate();
    if (pair === undefined) return skip("openssl is not installed");
    const { version, openapi_schema } = fakeModels["acme/painter"]!;
    const model = { owner: "acme", name: "painter", latest_version: { id: version, openapi_schema } };
    const tokens: (string | undefined)[] = [];
    const server = createTlsServer(pair, (request, reply) => {
      tokens.push(request.headers.authorization);
      reply.end(JSON.stringify(model));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const proxy = await startProxy();
    const common = { model: "acme/painter", url: `https://127.0.0.1:${portOf(server)}/v1`, token: "r8_0123456789" };
    const retry = { retries: 0 };
    for (const way of [{}, { proxy: proxy.url }]) {
      await using trusting = createClient({ backend: replicate({ ...common, ...way, retry, ca: pair.cert }) });
      expect((await trusting.capabilities()).tasks).toContain("text-to-image");
      await using wary = createClient({ backend: replicate({ ...common, ...way, retry }) });
      expect((await failureOf(wary.capabilities())).details.code).toMatch(/CERT/);
    }
    expect(tokens).toEqual(["Bearer r8_0123456789", "Bearer r8_0123456789"]);
    expect(proxy.tunnels).toContain(`127.0.0.1:${portOf(server)}`);
    expect(proxy.heard.join()).not.toContain(common.token);
    proxy.close();
    server.closeAllConnections();
    server.close();
  });

  it("may be made by a dispatcher of one's own, which stays open", async () => {
    const dispatcher = new Agent({ keepAliveTimeout: 10 });
    const h = await harness({ dispatcher });
    expect((await h.client.generate({ prompt: "a" })).images).toHaveLength(1);
    await h[Symbol.asyncDispose]();
    expect(dispatcher.closed).toBe(false);
    await dispatcher.close();
  });

  it("are kept alive between calls", async () => {
    await using h = await harness();
    let opened = 0;
    h.fake.api.on("connection", () => opened++);
    for (let i = 0; i < 8; i++) await h.client.generate({ prompt: "a" });
    expect(opened).toBeLessThan(h.fake.state.calls.length / 2);
  });
});
