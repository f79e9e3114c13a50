import { AsyncLocalStorage } from 'node:async_hooks';
import { UnconfirmedReads } from '../db/durability/unconfirmed-reads.ts';

/** The context of a request, across services. */
export interface RequestContext {
  /** The trace id that answers and logs carry. */
  requestId: string;
  /** The tenant whose data the request may see; a valid NATS token. */
  tenant: string;
  /** The caller: `anonymous`, an agent, a key's name, or `system` for background work. */
  actor: string;
  /** When the caller stops waiting for the answer, by performance.now(); undefined without a limit. */
  deadline?: number;
  /** Fires when the caller went away or the deadline passed. */
  signal?: AbortSignal;
  /** Whether the caller is a service of the installation, which acts for another caller. */
  isFromService?: boolean;
  /** The key that makes a repeat of this write safe; empty or undefined without one. */
  idempotencyKey?: string;
}

interface ContextStore {
  readonly context: RequestContext;
  readonly reads: UnconfirmedReads;
}

const storage = new AsyncLocalStorage<ContextStore>();

/** The context of the running request. Throws outside of one: background work must enter one with `runInBackgroundContext`. */
export function currentContext(): RequestContext {
  const context = storage.getStore()?.context;
  if (!context) throw new Error('no request context: enter one with runInBackgroundContext()');
  return context;
}

/** The context of the running request, or undefined outside of one. */
export function tryGetContext(): RequestContext | undefined {
  return storage.getStore()?.context;
}

/** What the current flow has read and does not yet know to be on disk; undefined outside of a flow. */
export function currentUnconfirmedReads(): UnconfirmedReads | undefined {
  return storage.getStore()?.reads;
}

/**
 * Runs `work` with `context` as the current one, for background work: it starts with values that were read outside of it, and
 * these may still be lost with the database.
 */
export function runInBackgroundContext<T>(context: RequestContext, work: () => T): T {
  return storage.run({ context, reads: new UnconfirmedReads(true) }, work);
}

/** The same for a request or an event: its data comes from outside, so nothing has been read for it yet. */
export function runInRequestContext<T>(context: RequestContext, work: () => T): T {
  return storage.run({ context, reads: new UnconfirmedReads(false) }, work);
}

/**
 * Throws when the running request is no longer awaited: its caller left, or its deadline passed. An abandoned request must not
 * take effect after its caller has sent the next one.
 */
export function throwIfAborted(): void {
  tryGetContext()?.signal?.throwIfAborted();
}

/** Runs `work` outside of every request: work that many requests share must not run in the context of one. */
export const detached: <T>(work: () => T) => T = AsyncLocalStorage.snapshot();

/** The tenant of the running request. */
export function currentTenant(): string {
  return currentContext().tenant;
}

/** The context of background work for a tenant, such as an event's consumer. */
export function systemContext(tenant: string, requestId: string): RequestContext {
  return { tenant, requestId, actor: 'system' };
}
