import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { type PublicPackage, pack, packedManifest, publicPackages } from "./packages.ts";

/** A registry that knows this repository's packages as they would be published, and nothing else. */
export interface Registry {
  url: string;
  close(): Promise<void>;
}

/**
 * Packs the libraries and serves them, as npm's registry would, to whoever asks on this machine. A package with a platform's
 * binaries is packed when it is asked for. The command line, whose name has no scope that an .npmrc could send here, has an address of
 * its own: `/latentkit.tgz`.
 */
export async function serveRegistry(port = 0): Promise<Registry> {
  const folder = resolve("node_modules", ".latentkit-packed");
  mkdirSync(folder, { recursive: true });
  const offers = publicPackages().map(async (known) => [known.name, await offer(known, folder)] as const);
  const packages = new Map(await Promise.all(offers));
  const server = createServer((request, response) => {
    answer(request, response, packages).catch((error: Error) => response.writeHead(500).end(error.message));
  });
  await new Promise<void>((done, failed) => server.once("error", failed).listen(port, "127.0.0.1", done));
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}/`,
    close: () => {
      const closed = new Promise<void>((done) => void server.close(() => done()));
      server.closeAllConnections();
      return closed;
    },
  };
}

/** One package on offer. */
interface Offer {
  manifest: Readonly<Record<string, unknown>>;
  version: string;
  /** Undefined until it is packed, of a platform's package. */
  integrity: string | undefined;
  tarball(): Promise<string>;
}

async function offer(known: PublicPackage, folder: string): Promise<Offer> {
  const { version, manifest } = known;
  let packed: Promise<string> | undefined;
  const tarball = () => {
    packed ??= pack(known, folder);
    return packed;
  };
  if (manifest.os !== undefined) return { manifest, version, integrity: undefined, tarball };
  const file = await tarball();
  const hash = createHash("sha512").update(readFileSync(file)).digest("base64");
  return { manifest: await packedManifest(file), version, integrity: `sha512-${hash}`, tarball };
}

async function answer(request: IncomingMessage, response: ServerResponse, packages: ReadonlyMap<string, Offer>) {
  const [path = ""] = decodeURIComponent(request.url ?? "")
    .slice(1)
    .split("?");
  const [name = "", file] = /^[^/]+\.tgz$/.test(path) ? [path.slice(0, -4), path] : path.split("/-/");
  const found = packages.get(name);
  if (found === undefined) return void response.writeHead(404).end('{"error":"not found"}');
  if (file !== undefined) {
    const stream = createReadStream(await found.tarball());
    stream.once("error", () => response.destroy());
    return void stream.pipe(response.writeHead(200, { "content-type": "application/octet-stream" }));
  }
  const { manifest, version, integrity } = found;
  const tarball = `http://${request.headers.host}/${name}/-/${name.split("/").at(-1)}-${version}.tgz`;
  const dist = { tarball, ...(integrity === undefined ? {} : { integrity }) };
  const packument = {
    name,
    "dist-tags": { latest: version },
    versions: { [version]: { ...manifest, dist } },
    time: { modified: released, created: released, [version]: released },
  };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(packument));
}

/** Package managers that wait some days with what is new take these at once. */
const released = "2026-01-01T00:00:00.000Z";
