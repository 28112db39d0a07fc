import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { QueueSnapshot } from "../server/queue.ts";
import { Watchdog } from "./watchdog.ts";

const minute = 60_000;
const limits = { stallMs: 10 * minute, queueStallMs: 60 * minute, pollMs: 5_000 };
const heard = (signs = 0) => ({ signs, isOpen: true });
const deaf = { signs: 0, isOpen: false };
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
      expect(dog.look(behind({ running: [`theirs-${i}`] }), heard())).toBe("pending");
    }
    vi.advanceTimersByTime(61 * minute);
    expect(() => dog.look(behind({ running: ["theirs-4"] }), heard())).toThrow(dead);
  });

  it("takes frames of the job in front as signs that the worker lives", () => {
    const dog = new Watchdog("mine", limits);
    for (let signs = 1; signs < 6; signs++) {
      vi.advanceTimersByTime(40 * minute);
      expect(dog.look(behind(), heard(signs))).toBe("pending");
    }
    vi.advanceTimersByTime(61 * minute);
    expect(() => dog.look(behind(), heard(5))).toThrow(dead);
  });

  it("gives a worker up after a minute where the prompt that it runs has a node that kills it", () => {
    const dog = new Watchdog("mine", limits);
    expect(dog.look(behind({ runsDeadly: true }), heard())).toBe("pending");
    vi.advanceTimersByTime(minute / 2);
    expect(dog.look(behind({ runsDeadly: true }), heard())).toBe("pending");
    vi.advanceTimersByTime(minute);
    expect(() => dog.look(behind({ runsDeadly: true }), heard())).toThrow(dead);
  });

  it("gives a worker up when jobs wait and none runs for long, however often it was looked at", () => {
    const dog = new Watchdog("mine", limits);
    const idle = behind({ running: [] });
    for (let look = 0; look < 10; look++) {
      expect(dog.look(idle, heard())).toBe("pending");
      vi.advanceTimersByTime(400);
    }
    vi.advanceTimersByTime(30_000);
    expect(() => dog.look(idle, heard())).toThrow(dead);
  });

  it("takes a worker that it finds between two jobs each time for alive", () => {
    const dog = new Watchdog("mine", limits);
    for (let job = 9; job > 0; job--) {
      expect(dog.look(behind({ running: [], pending: [`theirs-${job}`, "mine"] }), heard())).toBe("pending");
      vi.advanceTimersByTime(25_000);
    }
  });

  it("ends a running job that is silent, though it is listened to", () => {
    const dog = new Watchdog("mine", limits);
    const running = behind({ running: ["mine"], pending: [] });
    vi.advanceTimersByTime(9 * minute);
    expect(dog.look(running, heard())).toBe("running");
    dog.alive();
    vi.advanceTimersByTime(9 * minute);
    expect(dog.look(running, heard())).toBe("running");
    vi.advanceTimersByTime(2 * minute);
    expect(() => dog.look(running, heard())).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ reason: "stalled" }) }),
    );
  });

  it("lets a running job that cannot be heard work for as long as a queue may stand still", () => {
    const dog = new Watchdog("mine", limits);
    const running = behind({ running: ["mine"], pending: [] });
    for (let time = 0; time < 55; time += 5) {
      expect(dog.look(running, deaf)).toBe("running");
      vi.advanceTimersByTime(5 * minute);
    }
    vi.advanceTimersByTime(6 * minute);
    expect(() => dog.look(running, deaf)).toThrow("without a WebSocket");
  });
});
