import type { Logger } from './logger.ts';

/** Log lines per second, protocol and status; further calls are counted. */
const MAX_LINES_PER_PERIOD = 5;
const PERIOD_MS = 1_000;

/** The statuses of calls that their callers must correct. */
export type RefusedStatus = 400 | 401 | 403;

/** What is logged about a refused call: names from closed lists, never what the caller sent. */
export interface RefusedCall {
  readonly protocol: 'rest' | 'rpc';
  readonly status: RefusedStatus;
  readonly reason: string;
  /** The HTTP method, and the route with its parameters' names; absent for RPCs. */
  readonly method?: string;
  readonly route?: string;
  /** `package.Service/Method` of an RPC. */
  readonly rpc?: string;
  /** The name of the caller's API key, if it was recognised. */
  readonly actor?: string;
  readonly tenant?: string;
  /** The address of the connection. */
  readonly address?: string;
  readonly request_id?: string;
}

/** Logs refused calls (400, 401, 403) at info: a few lines per second, and one line with the number of those left out. */
export class RefusedCallLog {
  readonly #logger: Logger;
  readonly #periods = new Map<string, { logged: number; dropped: number }>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  log(call: RefusedCall): void {
    const period = this.#period(call);
    if (period.logged === MAX_LINES_PER_PERIOD) {
      period.dropped += 1;
      return;
    }
    period.logged += 1;
    this.#logger.info({ event: 'call_refused', ...call }, `refused with ${call.status}: ${call.reason}`);
  }

  /** The current second for calls of this kind; it begins with the first of them. */
  #period({ protocol, status }: RefusedCall): { logged: number; dropped: number } {
    const kind = `${protocol} ${status}`;
    const current = this.#periods.get(kind);
    if (current) return current;
    const period = { logged: 0, dropped: 0 };
    this.#periods.set(kind, period);
    setTimeout(() => {
      this.#periods.delete(kind);
      if (period.dropped === 0) return;
      const line = { event: 'calls_refused', protocol, status, count: period.dropped };
      this.#logger.info(line, `${period.dropped} more calls were refused with ${status}`);
    }, PERIOD_MS).unref();
    return period;
  }
}

/** The status if calls with it are logged, else undefined. */
export function refusedStatus(status: number): RefusedStatus | undefined {
  return status === 400 || status === 401 || status === 403 ? status : undefined;
}
