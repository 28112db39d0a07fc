import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A service that makes pictures for money: it gives each order an id, and tells when it is done. */
export async function startService() {
  /** How often each seed was ordered. */
  const created = new Map<string, number>();
  const orders = new Map<string, { seed: string; at: number }>();
  const server = createServer((request, reply) => {
    const url = new URL(request.url!, "http://service");
    if (url.pathname === "/create") {
      const seed = url.searchParams.get("seed")!;
      created.set(seed, (created.get(seed) ?? 0) + 1);
      const id = `${orders.size}`;
      orders.set(id, { seed, at: Date.now() });
      return void reply.end(JSON.stringify({ id }));
    }
    const order = orders.get(url.searchParams.get("id")!);
    reply.end(JSON.stringify({ seed: order?.seed, done: Math.min(1, (Date.now() - (order?.at ?? 0)) / 100) }));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { created, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
