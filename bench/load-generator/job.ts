import type { LoadResult } from '../measurement-result.ts';

/** A job awaits it after its preparation; the measurement starts when it resolves. */
export type ReadySignal = () => Promise<void>;

/** A load that the load generator can run. */
// biome-ignore lint/suspicious/noExplicitAny: every job has its own specification
export type Job = (spec: any, ready: ReadySignal) => Promise<LoadResult>;

/** The messages between the benchmark and the load generator. */
export type LoadGeneratorCommand = { readonly run: string; readonly spec: unknown } | { readonly go: true };
export type LoadGeneratorReply =
  | { readonly ready: true }
  | { readonly outcome: LoadResult }
  | { readonly error: string };
