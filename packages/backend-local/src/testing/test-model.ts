import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { readSafetensors } from "../files/safetensors.ts";

/** A file or folder under fixtures/. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
}

/** A small random model that diffusers wrote (tools/oracle/pipelines.py): `"sd1"`, `"sd2"` or `"f4"`. */
export function fixtureModel(name: string): string {
  return fixture(`pipelines/${name}`);
}

/** The bytes of a tensor of a safetensors file. */
export async function recordedTensor(file: string, name: string): Promise<Uint8Array> {
  const { offset, length } = (await readSafetensors(file)).tensors.get(name)!;
  return (await readFile(file)).subarray(offset, offset + length);
}

/** A folder that is removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "latentkit-local-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The changes of {@link copyModel} that make a scheduler_config.json a fixture's: diffusers goes by the class in model_index.json. */
export async function schedulerOf(name: string, config: Record<string, unknown>): Promise<Record<string, unknown>> {
  const index = JSON.parse(await readFile(join(fixtureModel(name), "model_index.json"), "utf8"));
  const scheduler = ["diffusers", config._class_name];
  return { "scheduler/scheduler_config.json": config, "model_index.json": { ...index, scheduler } };
}

/** A copy of a fixture model to damage, or to change: see {@link copyFixture}. */
export async function copyModel(name: string, changes: Record<string, unknown> = {}): Promise<string> {
  return copyFixture(`pipelines/${name}`, changes);
}

/** A copy of a folder under fixtures/: what is given replaces the file of that name, undefined removes it. */
export async function copyFixture(name: string, changes: Record<string, unknown> = {}): Promise<string> {
  const folder = join(await temporaryFolder(), basename(name));
  await cp(fixture(name), folder, { recursive: true });
  for (const [file, content] of Object.entries(changes)) {
    if (content === undefined || content === null) await rm(join(folder, file), { recursive: true });
    else await writeFile(join(folder, file), typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

/** A fixture as a Hugging Face cache keeps it: a snapshot whose files are links into `blobs/`. */
export async function hubCache(name: string): Promise<string> {
  const repository = join(await temporaryFolder(), `models--someone--${name}`);
  const snapshot = join(repository, "snapshots", "0123abcd");
  const blobs = join(repository, "blobs");
  await mkdir(blobs, { recursive: true });
  const source = fixtureModel(name);
  let count = 0;
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const from = join(entry.parentPath, entry.name);
    const to = join(snapshot, from.slice(source.length));
    const blob = `blob${count++}`;
    await cp(from, join(blobs, blob));
    await mkdir(join(to, ".."), { recursive: true });
    const up = "../".repeat(to.slice(repository.length + 1).split("/").length - 1);
    await symlink(`${up}blobs/${blob}`, to);
  }
  return snapshot;
}
