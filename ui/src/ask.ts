// A question under way, and what has come of it.

import { signal, type Signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { Fault } from "./api/client";

export type Asked<T> = { answer: T | null; fault: Fault | null; busy: boolean; partial: boolean; stop?: () => void };

/** patienceMs is how long whole answers are waited for before parts are shown. */
const patienceMs = 400;

/** Question asks again whenever its key changes; the question before is broken off. */
export class Question<T> {
  readonly state: Signal<Asked<T>> = signal({ answer: null, fault: null, busy: false, partial: false });
  private running: AbortController | null = null;
  fresh = ""; // what the answer belongs to

  /** ask starts; keep leaves the old answer on screen until the new one is there. */
  async ask(run: (signal: AbortSignal, partial: (answer: T) => void) => Promise<T>, keep = true): Promise<void> {
    this.running?.abort();
    const mine = (this.running = new AbortController());
    const held = keep && !this.state.value.partial ? this.state.value.answer : null;
    const began = performance.now();
    this.state.value = { answer: held, fault: null, busy: true, partial: false };
    const put = (now: Asked<T>) => {
      if (this.running === mine) this.state.value = now;
    };
    try {
      // What some leaves know takes the place of nothing, not of a whole answer, and only when the others are slow.
      const answer = await run(mine.signal, (p) =>
        held === null && performance.now() - began > patienceMs && put({ answer: p, fault: null, busy: true, partial: true }));
      put({ answer, fault: null, busy: false, partial: false });
    } catch (e) {
      if (mine.signal.aborted) return;
      const fault = e instanceof Fault ? e : new Fault("page", `the page failed: ${e instanceof Error ? e.message : e}`);
      put({ answer: held, fault, busy: false, partial: false });
    }
  }

  stop() {
    this.running?.abort();
    this.running = null;
    this.state.value = { ...this.state.value, busy: false };
  }
}

/** retryMs is how long a server that did not answer is left alone. */
const retryMs = 2000;

/**
 * useQuestion asks when one of the keys changes and stops when its view goes. With a
 * new tick it asks again, but not while the answer to the one before is awaited: a busy
 * server gets no more to do. With a new fresh the old answer goes at once.
 */
export function useQuestion<T>(
  run: ((signal: AbortSignal, partial: (answer: T) => void) => Promise<T>) | null, keys: unknown[], tick = 0, fresh = "",
): Asked<T> {
  const question = useMemo(() => new Question<T>(), []);
  useEffect(() => question.stop.bind(question), []);
  useEffect(() => {
    question.stop();
    question.fresh = fresh;
    question.state.value = { answer: null, fault: null, busy: false, partial: false };
  }, [fresh]);
  useEffect(() => {
    if (run) void question.ask(run);
  }, keys);
  useEffect(() => {
    if (run && tick > 0 && !question.state.value.busy) void question.ask(run);
  }, [tick]);
  const { fault } = question.state.value;
  useEffect(() => {
    if (!run || fault?.code !== "unreachable") return;
    const timer = setTimeout(() => question.ask(run), retryMs);
    return () => clearTimeout(timer);
  }, [fault]);
  // Effects come after the drawing: until then the old answer is none of this view's.
  const now = question.fresh === fresh ? question.state.value : { answer: null, fault: null, busy: run !== null, partial: false };
  return { ...now, stop: () => question.stop() };
}

/** useTick is a number that grows every so many ms while the page can be seen; 0 ms: never. */
export function useTick(everyMs: number): number {
  const tick = useMemo(() => signal(0), []);
  useEffect(() => {
    if (everyMs === 0) return;
    const timer = setInterval(() => document.hidden || tick.value++, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return tick.value;
}
