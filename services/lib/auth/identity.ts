import { appError, ErrorReason } from '../errors/app-error.ts';

/** An identified caller. */
export interface Identity {
  /** The tenant whose data the caller sees; letters, digits, `-` and `_`. */
  readonly tenant: string;
  /** The caller's name in logs and in the audit. */
  readonly actor: string;
  /** The scopes of the caller's key, for `requireScope`; absent where no keys are configured: then every RPC is allowed. */
  readonly scopes?: readonly string[];
}

/** Identifies a caller by the headers of its request; throws UNAUTHENTICATED. */
export type Authenticate = (headers: Headers) => Identity | Promise<Identity>;

/** Every caller acts for the default tenant: safe as long as only this machine can reach the ports. */
export const allowAnonymous = (): Identity => ({ tenant: 'default', actor: 'anonymous' });

/** For a process that serves only the installation's own services: it rejects every other caller. */
export const denyExternal: Authenticate = () => {
  throw appError(
    ErrorReason.UNAUTHENTICATED,
    'this process answers to the services of the installation: call the gateway',
  );
};
