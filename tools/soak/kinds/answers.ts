import { type Client, createClient, type GenerationInput } from "../../../packages/core/src/index.ts";
import { HostileProxy, type Spoil } from "../hostile-proxy.ts";
import { forms } from "../hostile-server.ts";
import { Fault, type Kind } from "../kind.ts";
import { mutatedJson, type Random } from "../random.ts";
import { type Served, servers } from "../served.ts";

/** An error that is ours by its class alone: what it says is what the platform says of a program's mistake. */
const mistake = /Cannot (?:read|set|destructure|convert|access)|is not (?:a function|iterable|defined)|of undefined/;

/**
 * Servers that work, but for one of their calls: it is answered in a form that means harm, or its JSON is changed. Each job ends with
 * pictures or an error of ours, in time.
 */
export async function answers(): Promise<Kind> {
  const opened = new Map<string, { served: Served; proxy: HostileProxy; calls: string[] }>();
  const open = async (name: string) => {
    const served = await servers[name]!();
    const proxy = await HostileProxy.start(served.url);
    await draw(served, proxy.url);
    return { served, proxy, calls: [...new Set(proxy.seen)] };
  };
  return {
    longestMs: 45_000,
    async once(random) {
      const name = random.pick(Object.keys(servers));
      const known = opened.get(name) ?? (await open(name));
      opened.set(name, known);
      const call = random.pick(known.calls);
      const [spoilt, spoil] = spoilOf(random);
      let left = random.next() < 0.5 ? 1 : Number.POSITIVE_INFINITY;
      known.proxy.spoil = (each) => (each === call && left-- > 0 ? spoil : undefined);
      known.proxy.seen.length = 0;
      try {
        await draw(known.served, known.proxy.url);
      } catch (error) {
        const { message } = error as Error;
        if (mistake.test(message)) throw new Fault(`${name}, ${call}, ${spoilt}: ${message}`);
        throw error;
      }
      if (known.proxy.seen.length > 300)
        throw new Fault(`${name}, ${call}, ${spoilt}: ${known.proxy.seen.length} calls`);
    },
    async [Symbol.asyncDispose]() {
      for (const { served, proxy } of opened.values()) {
        await proxy[Symbol.asyncDispose]();
        await served[Symbol.asyncDispose]();
      }
    },
  };
}

function spoilOf(random: Random): [string, Spoil] {
  if (random.next() < 0.4) {
    const form = random.pick(Object.keys(forms)) as keyof typeof forms;
    return [form, { answer: forms[form] }];
  }
  return ["changed", { change: (text) => changed(text, random) }];
}

/** JSON, or events of JSON, with some of it changed; of all else a piece is taken out. */
function changed(text: string, random: Random): string {
  const lines = text.split(/(?<=\n)/);
  const some = lines.map((line) => {
    const [, prefix = "", json] = /^(data: )?(.*)$/s.exec(line)!;
    try {
      return `${prefix}${JSON.stringify(mutatedJson(JSON.parse(json!), random))}\n`;
    } catch {
      return line;
    }
  });
  if (some.join("") !== text) return some.join("");
  const at = random.below(text.length);
  return text.slice(0, at) + text.slice(at + random.below(100));
}

async function draw({ make, request }: Served, url: string): Promise<void> {
  const client: Client = createClient({ backend: make(url), onUnsupported: "warn" });
  try {
    const { images } = await client.generate(request as GenerationInput, { timeoutMs: 30_000 });
    // A picture that lies on the server is brought now.
    for (const image of images) await image.bytes();
  } finally {
    await client.dispose();
  }
}
