import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type PutRulesRequest,
  type PutRulesResponse,
  PutRulesResponseSchema,
  RuleService,
} from '../../../../gen/autosession/message/v1/rule_service_pb.js';
import { MAX_CONFLICT_ATTEMPTS, withConflictRetry } from '../../../lib/db/conflict-retry.ts';
import { sqlTime } from '../../../lib/db/sql-time.ts';
import { appError, ErrorReason } from '../../../lib/errors/app-error.ts';
import { type SaveResponse, withReplayDetection } from '../../../lib/idempotency/with-replay-detection.ts';
import { currentContext } from '../../../lib/runtime/request-context.ts';
import type { MessageDeps } from '../../deps.ts';
import type { RuleSet } from '../../domain/rules/rule-set.ts';
import { addRuleSetVersion, readEffectiveVersion } from '../../store/rule-sets.ts';
import type { MessageTables } from '../../store/tables.ts';
import { kindOf, requireRuleSet, rulesToProto } from './to-proto.ts';

/** Another request has stored this version. */
class VersionTakenError extends Error {}

export const putRules =
  (deps: MessageDeps): ServiceImpl<typeof RuleService>['putRules'] =>
  async (request) => {
    const ruleSet = requireRuleSet(request.ruleSet);
    const { answer } = await withReplayDetection(deps, RuleService.method.putRules, request, (saveResponse) =>
      storeNextVersion(deps, request, ruleSet, saveResponse),
    );
    deps.ruleSets.notifyChange();
    return answer;
  };

async function storeNextVersion(
  deps: MessageDeps,
  request: PutRulesRequest,
  ruleSet: RuleSet,
  saveResponse: SaveResponse<PutRulesResponse>,
): Promise<PutRulesResponse> {
  const kind = kindOf(request.kind);
  const { tenant, actor } = currentContext();
  const options = { maxAttempts: MAX_CONFLICT_ATTEMPTS.optimistic, isConflict: isVersionTaken, exhausted };
  return withConflictRetry(deps.db, options, async () => {
    const current = await readEffectiveVersion(deps.db.autocommit<MessageTables>(), tenant, kind);
    if (request.expectedVersion !== undefined && request.expectedVersion !== current)
      throw appError(ErrorReason.STALE_VERSION, `version ${current} of the ${kind} rules is in effect`, {
        version: current,
      });
    const row = {
      tenant,
      kind,
      version: current + 1,
      document: JSON.stringify(ruleSet),
      created_by: actor,
      note: request.note,
      created_at: sqlTime(deps.clock.now()),
    };
    const response = create(PutRulesResponseSchema, { rules: rulesToProto(row) });
    await deps.db.transaction<MessageTables, void>('put-rules', async (tx) => {
      if (!(await addRuleSetVersion(tx, row, randomUUID()))) throw new VersionTakenError();
      await saveResponse(tx, response);
    });
    const line = { event: 'rules_stored', tenant, kind, version: row.version, actor };
    deps.logger.info(line, `version ${row.version} of the ${kind} rules is stored`);
    return response;
  });
}

function isVersionTaken(error: unknown): boolean {
  return error instanceof VersionTakenError;
}

function exhausted(): Error {
  return appError(ErrorReason.STALE_VERSION, 'too many concurrent changes of the rules; repeat the request');
}
