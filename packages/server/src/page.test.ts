import { existsSync } from "node:fs";
import puppeteer, { type Page } from "puppeteer-core";
import { describe, expect, it, onTestFinished } from "vitest";
import { hashApiKey, newApiKey } from "./access/api-key.ts";
import { harness } from "./testing/harness.ts";

/** Where a browser is found: not run where there is none. */
const chromium = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== undefined && existsSync(path));

it("is served with nothing from elsewhere, before any key", async () => {
  const { call } = await harness({ apiKeys: [hashApiKey(newApiKey())] });
  const page = await call("/");
  expect(page.status).toBe(200);
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(page.text).not.toMatch(/https?:\/\//);
  expect((await call("/page.js")).headers.get("content-type")).toMatch(/javascript/);
  expect((await call("/../package.json")).status).toBe(401);
});

describe.skipIf(chromium === undefined)("in a browser (Chromium)", () => {
  async function open(url: string): Promise<{ page: Page; problems: string[] }> {
    const browser = await puppeteer.launch({
      executablePath: chromium!,
      args: ["--no-sandbox", "--disable-gpu"],
      timeout: 120_000,
      protocolTimeout: 120_000,
    });
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    page.setDefaultTimeout(100_000);
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.setViewport({ width: 1100, height: 900 });
    await page.goto(url);
    return { page, problems };
  }
  const shot = (page: Page, name: string) =>
    process.env.LATENTKIT_SHOTS
      ? page.screenshot({ path: `${process.env.LATENTKIT_SHOTS}/${name}.png` as never })
      : undefined;
  const text = (page: Page, selector: string) => page.$eval(selector, (element) => element.textContent ?? "");

  it("draws with a preview, keeps the recipe, and cancels", { timeout: 240_000 }, async () => {
    const key = newApiKey();
    const { url, backend } = await harness({ apiKeys: [hashApiKey(key)] }, { stepMs: 60 });
    const { page, problems } = await open(url);
    await page.waitForSelector("#ask-key[open]");
    await page.type("#key", key);
    await page.click("#ask-key button");
    await page.waitForSelector('#controls input[name="steps"]');
    const names = await page.$$eval("#controls [name]", (all) =>
      all.map((each) => (each as unknown as { name: string }).name),
    );
    expect(names).toEqual([
      "negativePrompt",
      "width",
      "height",
      "steps",
      "guidanceScale",
      "sampler",
      "scheduler",
      "seed",
      "count",
    ]);
    await page.type("#prompt", "a red fox");
    await page.type('[name="seed"]', "7");
    await page.$eval('[name="steps"]', (input) => {
      (input as unknown as { value: string }).value = "40";
      input.dispatchEvent(new Event("input"));
    });
    await page.click("#generate");
    await page.waitForSelector('#preview[src^="data:image/jpeg"]');
    await shot(page, "preview");
    await page.waitForSelector("figure img");
    await page.waitForFunction("!document.getElementById('generate').disabled");
    await page.$eval("figure details", (element) => element.setAttribute("open", ""));
    expect(JSON.parse(await text(page, "figure pre")).request).toMatchObject({
      prompt: "a red fox",
      seed: 7,
      steps: 40,
    });
    await shot(page, "gallery");
    await page.$eval('[name="steps"]', (input) => {
      (input as unknown as { value: string }).value = "100";
      input.dispatchEvent(new Event("input"));
    });
    await page.click("#generate");
    await page.waitForFunction("/sample \\d+\\/100/.test(document.getElementById('step').textContent)");
    await page.click("#cancel");
    await page.waitForFunction("document.getElementById('message').textContent.includes('cancelled')");
    expect(backend.running).toBe(0);
    expect(problems).toEqual([]);
  });
});
