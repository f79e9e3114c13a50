import { create } from '@bufbuild/protobuf';
import { type AuditFault, AuditFaultKind, AuditFaultSchema } from '../../../gen/autosession/handover/v1/handover_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { ChainCursor } from '../audit/chain-verification.ts';
import { enumFromText } from '../domain/enum-names.ts';
import type { ChainFault } from '../domain/verify-chain.ts';

/** A fault as the API shows it. */
export function chainFaultToProto({ kind, ...fault }: ChainFault): AuditFault {
  return create(AuditFaultSchema, { kind: enumFromText(AuditFaultKind, kind), ...fault });
}

/** The token by which a verification goes on. */
export function encodeChainCursor({ position, target }: ChainCursor): string {
  return Buffer.from([position.seq, position.mac, target.seq, target.mac].join('|')).toString('base64url');
}

const CURSOR = /^(\d{1,10})\|([0-9a-f]{0,64})\|(\d{1,10})\|([0-9a-f]{0,64})$/;

/** Where a verification goes on. Throws INVALID_ARGUMENT for a token that was not issued. */
export function decodeChainCursor(token: string): ChainCursor {
  const [, seq, mac = '', targetSeq, targetMac = ''] =
    CURSOR.exec(Buffer.from(token, 'base64url').toString('latin1')) ?? [];
  if (seq === undefined)
    throw appError(ErrorReason.INVALID_ARGUMENT, 'page_token is not a next_page_token', { field: 'page_token' });
  return { position: { seq: Number(seq), mac }, target: { seq: Number(targetSeq), mac: targetMac } };
}
