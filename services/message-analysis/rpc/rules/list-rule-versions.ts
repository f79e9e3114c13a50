import type { ServiceImpl } from '@connectrpc/connect';
import type { RuleService } from '../../../../gen/autosession/message/v1/rule_service_pb.js';
import { currentTenant } from '../../../lib/runtime/request-context.ts';
import type { MessageDeps } from '../../deps.ts';
import { listRuleSetVersions } from '../../store/rule-sets.ts';
import type { MessageTables } from '../../store/tables.ts';
import { kindOf, rulesToProto } from './to-proto.ts';

export const listRuleVersions =
  (deps: MessageDeps): ServiceImpl<typeof RuleService>['listRuleVersions'] =>
  async ({ kind }) => {
    const rows = await listRuleSetVersions(deps.db.autocommit<MessageTables>(), currentTenant(), kindOf(kind));
    return { versions: rows.map(rulesToProto) };
  };
