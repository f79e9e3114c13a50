import type { Outcome } from '../figure.ts';

/** To be awaited when everything is prepared: what comes behind it is measured. */
export type Ready = () => Promise<void>;

/** A load that the driver can run. */
// biome-ignore lint/suspicious/noExplicitAny: every job has a specification of its own
export type Job = (spec: any, ready: Ready) => Promise<Outcome>;

/** What driver and benchmark say to each other. */
export type ToDriver = { readonly run: string; readonly spec: unknown } | { readonly go: true };
export type FromDriver = { readonly ready: true } | { readonly outcome: Outcome } | { readonly error: string };
