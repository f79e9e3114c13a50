import { appError, ErrorReason } from '../errors/app-error.ts';

/** The tenant of an installation that has one, and of callers that name none. */
export const DEFAULT_TENANT = 'default';

/** An identified caller. */
export interface Identity {
  /** The tenant whose data the caller sees; letters, digits, `-` and `_`. */
  readonly tenant: string;
  /** The caller's name in logs and in the audit. */
  readonly actor: string;
  /** The scopes of the caller's key, for `requireScope`; absent where no keys are configured: then every RPC is allowed. */
  readonly scopes?: readonly string[];
  /** When the caller's token ends, in epoch milliseconds; absent for a key. */
  readonly expiresAt?: number;
  /** The session to which a chat's token is bound; absent for every other caller. */
  readonly chat?: { readonly sessionName: string; readonly isVip: boolean };
  /** The agent for whom a token was made; absent for every other caller: keys may name any agent. */
  readonly agent?: { readonly id: string; readonly isSupervisor: boolean };
}

/** Identifies a caller by the headers of its request; throws UNAUTHENTICATED. */
export type Authenticate = (headers: Headers) => Identity | Promise<Identity>;

/** Every caller acts for the default tenant: safe as long as only this machine can reach the ports. */
export const allowAnonymous = (): Identity => ({ tenant: DEFAULT_TENANT, actor: 'anonymous' });

/** For a process that serves only the installation's own services: it rejects every other caller. */
export const denyExternal: Authenticate = () => {
  throw appError(
    ErrorReason.UNAUTHENTICATED,
    'this process answers to the services of the installation: call the gateway',
  );
};
