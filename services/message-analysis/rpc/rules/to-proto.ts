import { create, type JsonObject } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  RuleDetector,
  type RuleHit as RuleHitMessage,
  RuleHitSchema,
  RuleSetKind as RuleSetKindEnum,
  type Rules,
  RulesSchema,
} from '../../../../gen/autosession/message/v1/rule_service_pb.js';
import { parseSqlTime } from '../../../lib/db/sql-time.ts';
import { appError, ErrorReason } from '../../../lib/errors/app-error.ts';
import type { RuleHit } from '../../domain/rules/evaluate-rules.ts';
import { parseRuleSet } from '../../domain/rules/parse-rule-set.ts';
import type { Detector, RuleSet, RuleSetKind } from '../../domain/rules/rule-set.ts';
import type { RuleSetVersionRow } from '../../store/tables.ts';

/** Sentences of one error. */
const MAX_FAULTS = 20;

const detectors: Readonly<Record<Detector, RuleDetector>> = {
  vip: RuleDetector.VIP,
  request: RuleDetector.REQUEST,
  keywords: RuleDetector.KEYWORDS,
  failures: RuleDetector.FAILURES,
  repetition: RuleDetector.REPETITION,
  sentiment: RuleDetector.SENTIMENT,
};

export function kindOf(kind: RuleSetKindEnum): RuleSetKind {
  return kind === RuleSetKindEnum.SHOP ? 'shop' : 'chat';
}

export function defaultToProto(kind: RuleSetKind, ruleSet: RuleSet): Rules {
  return create(RulesSchema, { kind: kindToProto(kind), ruleSet: ruleSet as unknown as JsonObject });
}

/** A stored version; without its rules when `row` has no document. */
export function rulesToProto(row: Omit<RuleSetVersionRow, 'document'> & { document?: string }): Rules {
  return create(RulesSchema, {
    kind: kindToProto(row.kind as RuleSetKind),
    version: row.version,
    ruleSet: row.document === undefined ? undefined : (JSON.parse(row.document) as JsonObject),
    createdAt: timestampFromMs(parseSqlTime(row.created_at)),
    createdBy: row.created_by,
    note: row.note,
  });
}

export function hitToProto(hit: RuleHit): RuleHitMessage {
  const { when: _, detector, ...rest } = hit;
  return create(RuleHitSchema, { ...rest, detector: detectors[detector] });
}

/** The rule set of a request. Throws INVALID_ARGUMENT with its faults. */
export function requireRuleSet(document: unknown): RuleSet {
  const { ruleSet, faults = [] } = { ruleSet: undefined, ...parseRuleSet(document) };
  if (ruleSet) return ruleSet;
  const shown = faults.slice(0, MAX_FAULTS).join('; ');
  throw appError(ErrorReason.INVALID_ARGUMENT, `rule_set: ${shown}`, { field: 'rule_set', faults: faults.length });
}

function kindToProto(kind: RuleSetKind): RuleSetKindEnum {
  return kind === 'shop' ? RuleSetKindEnum.SHOP : RuleSetKindEnum.CHAT;
}
