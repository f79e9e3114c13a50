import { Code, ConnectError } from '@connectrpc/connect';

/** The signal and the deadline of a call. */
export interface CallLimits {
  /** Aborts when the caller cancels or the deadline passes; its reason is a ConnectError. */
  readonly signal: AbortSignal;
  /** The milliseconds that are left, at least 1; undefined without a deadline. */
  remaining(): number | undefined;
  /** Call it when the call is over: removes the timer and the listener. */
  end(): void;
  /** Ends the call itself. */
  cancel(): void;
}

/** The longest delay of a timer; a longer one would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** The limits of a call whose time begins now; a `timeoutMs` of 0 or less is none. */
export function callLimits(caller: AbortSignal | undefined, timeoutMs: number | undefined): CallLimits {
  const controller = new AbortController();
  const hasDeadline = timeoutMs !== undefined && timeoutMs > 0;
  const deadline = hasDeadline ? performance.now() + timeoutMs : undefined;
  const onDeadline = () => controller.abort(new ConnectError('the deadline passed', Code.DeadlineExceeded));
  const onCallerAbort = () => controller.abort(ConnectError.from(caller?.reason, Code.Canceled));
  const timer = hasDeadline ? setTimeout(onDeadline, Math.min(timeoutMs, MAX_TIMER_MS)) : undefined;
  const end = () => {
    clearTimeout(timer);
    caller?.removeEventListener('abort', onCallerAbort);
  };
  if (caller?.aborted) onCallerAbort();
  else caller?.addEventListener('abort', onCallerAbort);
  return {
    signal: controller.signal,
    remaining: () => deadline && Math.max(1, Math.round(deadline - performance.now())),
    end,
    cancel: () => {
      end();
      controller.abort(new ConnectError('the call was given up', Code.Canceled));
    },
  };
}
