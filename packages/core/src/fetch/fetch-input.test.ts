import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { checkUrl } from "./check-url.ts";
import { fetchInput } from "./fetch-input.ts";
import { isPublicAddress } from "./public-address.ts";

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const here = { field: "image", allowPrivate: true };

describe("a public address", () => {
  it.each(["8.8.8.8", "93.184.215.14", "2606:4700::6810:85e5"])("%s is one", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
  it.each([
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "ff02::1",
    "not an address",
  ])("%s is none", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe("an input's URL", () => {
  it.each([
    "http://127.0.0.1/a.png",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://localhost/",
    "http://a.localhost./",
    "http://169.254.169.254/latest/meta-data/",
    "ftp://example.com/",
    "file:///etc/passwd",
  ])("%s is refused before anything is sent", (url) => {
    expect(() => checkUrl(new URL(url), "image", {})).toThrow(/image: /);
  });

  it("is held against the hosts that are allowed", () => {
    const allowHosts = ["images.example.com", "*.cdn.example", "example.org:8443"];
    for (const url of [
      "https://images.example.com/a",
      "https://IMAGES.example.com./a",
      "http://a.b.cdn.example/",
      "https://example.org:8443/",
    ])
      expect(() => checkUrl(new URL(url), "image", { allowHosts })).not.toThrow();
    for (const url of [
      "https://example.com/",
      "https://images.example.com.evil.net/",
      "https://cdn.example/",
      "https://example.org/",
    ])
      expect(() => checkUrl(new URL(url), "image", { allowHosts })).toThrow(/allowHosts/);
  });

  it("is followed through redirects, each held against the rules", async () => {
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url!);
      if (request.url === "/a") response.writeHead(302, { location: "/b" }).end();
      else if (request.url === "/away") response.writeHead(302, { location: "http://internal.example/secret" }).end();
      else if (request.url === "/file") response.writeHead(302, { location: "file:///etc/passwd" }).end();
      else if (request.url === "/loop") response.writeHead(302, { location: "/loop" }).end();
      else response.end("done");
    });
    expect(Buffer.from(await fetchInput(`${url}/a`, here)).toString()).toBe("done");
    const allowHosts = [new URL(url).host];
    await expect(fetchInput(`${url}/away`, { ...here, allowHosts })).rejects.toThrow(
      /internal\.example is not among the hosts/,
    );
    await expect(fetchInput(`${url}/file`, here)).rejects.toThrow(/file: URLs are not fetched/);
    await expect(fetchInput(`${url}/loop`, here)).rejects.toThrow(/redirects more than 5 times/);
    await expect(fetchInput(url, { field: "image" })).rejects.toMatchObject({
      code: "invalid_request",
      issues: [{ field: "image" }],
    });
    expect(asked.filter((path) => path === "/")).toEqual([]);
  });

  it("is refused where its name leads to an address that is not public, by the very address that is connected to", async () => {
    // "localhost.localdomain" and its like are not refused by name: the look-up is what tells.
    const { hostname } = await import("node:os").then((os) => ({ hostname: os.hostname() }));
    await expect(fetchInput(`http://${hostname}:1/a.png`, { field: "image", timeoutMs: 5000 })).rejects.toSatisfy(
      (error: { code: string }) => error.code === "invalid_request" || error.code === "image",
    );
  });

  it("has a limit of bytes, told and untold, and a deadline over the whole", async () => {
    const url = await serve((request, response) => {
      if (request.url === "/told") response.writeHead(200, { "content-length": 5e9 }).write("x");
      else if (request.url === "/untold") {
        response.write(Buffer.alloc(2000));
      } else if (request.url === "/slow") {
        const timer = setInterval(() => response.write("x"), 20);
        response.on("close", () => clearInterval(timer));
      }
    });
    for (const path of ["/told", "/untold"])
      await expect(fetchInput(url + path, { ...here, maxBytes: 1000 })).rejects.toThrow(/at most 1000/);
    const begun = performance.now();
    for (const path of ["/slow", "/silent"])
      await expect(fetchInput(url + path, { ...here, timeoutMs: 200 })).rejects.toMatchObject({ code: "timeout" });
    expect(performance.now() - begun).toBeLessThan(5000);
    await expect(
      fetchInput(`${url}/silent`, { ...here, signal: AbortSignal.abort(new Error("left")) }),
    ).rejects.toThrow("left");
  });
});
