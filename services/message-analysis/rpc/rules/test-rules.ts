import type { ServiceImpl } from '@connectrpc/connect';
import type { RuleService, TestRulesRequest } from '../../../../gen/autosession/message/v1/rule_service_pb.js';
import { appError, ErrorReason } from '../../../lib/errors/app-error.ts';
import type { MessageDeps } from '../../deps.ts';
import { decide } from '../../domain/rules/decide.ts';
import { evaluateRules } from '../../domain/rules/evaluate-rules.ts';
import type { RuleSet } from '../../domain/rules/rule-set.ts';
import { replaySessions } from '../../rules/replay-sessions.ts';
import { hitToProto, kindOf, requireRuleSet } from './to-proto.ts';

export const testRules = (deps: MessageDeps): ServiceImpl<typeof RuleService>['testRules'] => {
  let isReplaying = false;
  return async (request) => {
    const kind = kindOf(request.kind);
    const current = deps.ruleSets.current(kind);
    const draft = request.ruleSet ? requireRuleSet(request.ruleSet) : current.ruleSet;
    if (request.text !== undefined) return { version: current.version, ...testText(draft, request, request.text) };
    if (isReplaying) throw appError(ErrorReason.RATE_LIMITED, 'a replay is running; repeat the request later');
    isReplaying = true;
    try {
      const { session, lastSessions } = request;
      const replay = await replaySessions(deps, kind, { current: current.ruleSet, draft }, { session, lastSessions });
      return { version: current.version, replay };
    } finally {
      isReplaying = false;
    }
  };
};

function testText(ruleSet: RuleSet, { unanswered, failures, urgent, vip }: TestRulesRequest, text: string) {
  const hits = evaluateRules(ruleSet, { text, unanswered, failures, isUrgent: urgent, isVip: vip });
  const acting = decide(hits);
  return { hits: hits.map(hitToProto), acts: acting && hitToProto(acting) };
}
