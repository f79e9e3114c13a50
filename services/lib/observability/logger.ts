import { hostname } from 'node:os';
import { type Logger as Pino, pino, stdSerializers } from 'pino';
import { ErrorReason, errorInfo } from '../errors/app-error.ts';
import { tryGetContext } from '../runtime/request-context.ts';
import { version } from '../runtime/version.ts';

export type Logger = Pino;

/** Identifies this process among others of the same service: the machine or container, and the process id on it. */
const instance = `${hostname()}-${process.pid}`;

/**
 * JSON lines on standard output. Every line carries the service, the instance and the version of the process, and the request
 * id and the tenant of the request that it belongs to. Never log message contents, tokens, keys or URLs with passwords.
 */
export function createLogger(
  level: string,
  destination?: { write(line: string): void },
  service = 'auto-session',
): Logger {
  const options = {
    level,
    base: { service, instance, version },
    timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    messageKey: 'message',
    serializers: { err: serializeError },
    mixin: () => {
      const context = tryGetContext();
      return context ? { request_id: context.requestId, tenant: context.tenant } : {};
    },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** A refusal by its reason: the details that it carries bring the contract of ErrorInfo with them, which is pages long. */
function serializeError(error: Error): object {
  const info = errorInfo(error);
  const serialized = stdSerializers.err(error);
  return info ? { ...serialized, details: undefined, reason: ErrorReason[info.reason], ...info.metadata } : serialized;
}

/** One state change or key operation, with the keys that people search for. */
export interface StateChange {
  event: string;
  session_id: string;
  session_name?: string;
  reason?: string;
  status: string;
}

/** Logs a state change or key operation as one line with every key; a session without a name of its own goes by its id. */
export function logStateChange(logger: Logger, change: StateChange): void {
  const { session_id, session_name = session_id, reason = '' } = change;
  logger.info({ ...change, session_name, reason }, `${change.event} ${session_id}`);
}
