import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { QueueSnapshot } from "../server/queue.ts";
import { Watchdog } from "./watchdog.ts";

const minute = 60_000;
const limits = { stallMs: 10 * minute, queueStallMs: 60 * minute };
const behind = (more: Partial<QueueSnapshot> = {}): QueueSnapshot => ({
  running: ["theirs"],
  pending: ["mine"],
  runsDeadly: false,
  ...more,
});

describe("Watchdog", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const dead = expect.objectContaining({ details: expect.objectContaining({ reason: "worker_dead" }) });

  it("lets a job wait behind others' for as long as the queue moves", () => {
    const dog = new Watchdog("mine", limits);
    for (let i = 0; i < 5; i++) {
      vi.advanceTimersByTime(40 * minute);
      expect(dog.look(behind({ running: [`theirs-${i}`] }))).toBe("pending");
    }
    vi.advanceTimersByTime(61 * minute);
    expect(() => dog.look(behind({ running: ["theirs-4"] }))).toThrow(dead);
  });

  it("takes frames of the job in front as signs that the worker lives", () => {
    const dog = new Watchdog("mine", limits);
    for (let signs = 1; signs < 6; signs++) {
      vi.advanceTimersByTime(40 * minute);
      expect(dog.look(behind(), signs)).toBe("pending");
    }
    vi.advanceTimersByTime(61 * minute);
    expect(() => dog.look(behind(), 5)).toThrow(dead);
  });

  it("gives a worker up after a minute where the prompt that it runs has a node that kills it", () => {
    const dog = new Watchdog("mine", limits);
    expect(dog.look(behind({ runsDeadly: true }))).toBe("pending");
    vi.advanceTimersByTime(minute / 2);
    expect(dog.look(behind({ runsDeadly: true }))).toBe("pending");
    vi.advanceTimersByTime(minute);
    expect(() => dog.look(behind({ runsDeadly: true }))).toThrow(dead);
  });

  it("gives a worker up when jobs wait and none runs", () => {
    const dog = new Watchdog("mine", limits);
    const idle = behind({ running: [] });
    expect([dog.look(idle), dog.look(idle)]).toEqual(["pending", "pending"]);
    expect(() => dog.look(idle)).toThrow(dead);
  });
});
