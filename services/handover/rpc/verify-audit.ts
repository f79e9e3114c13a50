import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type HandoverService,
  VerifyAuditResponseSchema,
} from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { ChainVerification, MAX_FAULTS } from '../audit/chain-verification.ts';
import type { HandoverDeps } from '../deps.ts';
import { countUnchained, MAX_UNCHAINED } from '../store/audit-chain.ts';
import { chainFaultToProto, decodeChainCursor, encodeChainCursor } from './audit-chain-to-proto.ts';

export const verifyAudit =
  (deps: HandoverDeps): ServiceImpl<typeof HandoverService>['verifyAudit'] =>
  async ({ headSeq, headMac, pageToken }) => {
    if (deps.auditKeys.length === 0)
      throw appError(ErrorReason.NOT_CONFIGURED, 'the audit is not chained: AUTOSESSION_ENCRYPTION_KEYS is not set', {
        setting: 'AUTOSESSION_ENCRYPTION_KEYS',
      });
    const verification = pageToken
      ? await ChainVerification.resume(deps, decodeChainCursor(pageToken))
      : await ChainVerification.begin(deps, headSeq > 0 ? { seq: headSeq, mac: headMac } : undefined);
    const complete = await verification.run();
    const { faults, verified, target, anchorSeq } = verification;
    return create(VerifyAuditResponseSchema, {
      verified,
      faults: faults.slice(0, MAX_FAULTS).map(chainFaultToProto),
      complete,
      nextPageToken: complete ? '' : encodeChainCursor(verification.cursor),
      headSeq: target.seq,
      headMac: target.mac,
      anchorSeq,
      unchained: await countUnchained(deps.db, MAX_UNCHAINED),
    });
  };
