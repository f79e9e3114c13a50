import type { LoadResult } from '../measurement-result.ts';

/** To be awaited when everything is prepared: what comes behind it is measured. */
export type ReadySignal = () => Promise<void>;

/** A load that the driver can run. */
// biome-ignore lint/suspicious/noExplicitAny: every job has a specification of its own
export type Job = (spec: any, ready: ReadySignal) => Promise<LoadResult>;

/** What driver and benchmark say to each other. */
export type LoadGeneratorCommand = { readonly run: string; readonly spec: unknown } | { readonly go: true };
export type LoadGeneratorReply =
  | { readonly ready: true }
  | { readonly outcome: LoadResult }
  | { readonly error: string };
