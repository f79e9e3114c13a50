import type { ServiceImpl } from '@connectrpc/connect';
import type { RuleService } from '../../../../gen/autosession/message/v1/rule_service_pb.js';
import { appError, ErrorReason } from '../../../lib/errors/app-error.ts';
import { currentTenant } from '../../../lib/runtime/request-context.ts';
import type { MessageDeps } from '../../deps.ts';
import { defaultRuleSets } from '../../domain/rules/default-rule-sets.ts';
import { readEffectiveVersion, readRuleSetVersion } from '../../store/rule-sets.ts';
import type { MessageTables } from '../../store/tables.ts';
import { defaultToProto, kindOf, rulesToProto } from './to-proto.ts';

/** From the database, so that a caller reads what it has stored. */
export const getRules =
  (deps: MessageDeps): ServiceImpl<typeof RuleService>['getRules'] =>
  async (request) => {
    const kind = kindOf(request.kind);
    const tenant = currentTenant();
    const db = deps.db.autocommit<MessageTables>();
    const version = request.version || (await readEffectiveVersion(db, tenant, kind));
    if (version === 0) return { rules: defaultToProto(kind, defaultRuleSets[kind]) };
    const row = await readRuleSetVersion(db, tenant, kind, version);
    if (row) return { rules: rulesToProto(row) };
    throw appError(ErrorReason.INVALID_ARGUMENT, `version ${version} of the ${kind} rules is not stored`, {
      field: 'version',
    });
  };
