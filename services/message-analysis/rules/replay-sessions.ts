import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { type Message, MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import {
  type TestRulesResponse_Replay,
  TestRulesResponse_ReplaySchema,
} from '../../../gen/autosession/message/v1/rule_service_pb.js';
import { currentTenant, throwIfAborted } from '../../lib/runtime/request-context.ts';
import type { MessageDeps } from '../deps.ts';
import { decide } from '../domain/rules/decide.ts';
import { evaluateRules, type RuleHit } from '../domain/rules/evaluate-rules.ts';
import type { RuleSet, RuleSetKind } from '../domain/rules/rule-set.ts';
import { hitToProto } from '../rpc/rules/to-proto.ts';
import { recentSessions } from '../store/recent-sessions.ts';
import { lastMessages } from '../store/session-messages.ts';
import type { MessageTables } from '../store/tables.ts';

/** Below the deadline of a call, so that a long replay ends with a result. */
const MAX_REPLAY_MS = 8_000;
const MAX_SESSION_MESSAGES = 500;
const MAX_CHANGES = 200;

interface RuleSetPair {
  readonly current: RuleSet;
  readonly draft: RuleSet;
}

/** Judges the user's messages of one session, or of the last ones, by both rule sets. Throws SESSION_NOT_FOUND. */
export async function replaySessions(
  deps: MessageDeps,
  kind: RuleSetKind,
  ruleSets: RuleSetPair,
  { session, lastSessions }: { readonly session: string; readonly lastSessions: number },
): Promise<TestRulesResponse_Replay> {
  const db = deps.db.autocommit<MessageTables>();
  const tenant = currentTenant();
  const deadline = deps.clock.monotonic() + MAX_REPLAY_MS;
  const role = kind === 'chat' ? MessageRole.USER : MessageRole.SHOP;
  const replay = create(TestRulesResponse_ReplaySchema, { complete: true });
  const replayOne = async (sessionId: string) => {
    const messages = await lastMessages(db, tenant, sessionId, MAX_SESSION_MESSAGES);
    if (messages.length === 0 && session) await deps.sessions.getSession({ sessionId });
    replay.sessions++;
    for (const step of userMessages(
      messages.map(({ message }) => message),
      role,
    )) {
      if (deps.clock.monotonic() > deadline) {
        replay.complete = false;
        return;
      }
      evaluateMessage(replay, ruleSets, step);
      await yieldToEventLoop();
    }
  };
  if (session) await replayOne(session);
  else
    for await (const sessionId of recentSessions(db, tenant, role)) {
      throwIfAborted();
      if (replay.sessions === lastSessions || !replay.complete) break;
      if (deps.clock.monotonic() > deadline) {
        replay.complete = false;
        break;
      }
      if (sessionId !== undefined) await replayOne(sessionId);
    }
  return replay;
}

interface UserMessage {
  readonly message: Message;
  readonly unanswered: readonly string[];
}

/** The messages of the user's side, each with those since the last answer. */
function userMessages(messages: readonly Message[], role: MessageRole): UserMessage[] {
  let unanswered: string[] = [];
  return messages.flatMap((message) => {
    if (message.role !== role) {
      if (message.role !== MessageRole.SYSTEM) unanswered = [];
      return [];
    }
    const step = { message, unanswered };
    unanswered = [...unanswered, message.content];
    return [step];
  });
}

function evaluateMessage(
  replay: TestRulesResponse_Replay,
  { current, draft }: RuleSetPair,
  { message, unanswered }: UserMessage,
) {
  const input = { text: message.content, unanswered, failures: 0, isUrgent: false, isVip: false };
  const before = decide(evaluateRules(current, input));
  const after = draft === current ? before : decide(evaluateRules(draft, input));
  replay.messages++;
  if (before) replay.hitsBefore++;
  if (after) replay.hitsAfter++;
  if (isSame(before, after) || replay.changes.length >= MAX_CHANGES) return;
  const { sessionId, messageId } = message;
  replay.changes.push({
    $typeName: 'autosession.message.v1.TestRulesResponse.Change',
    sessionId,
    messageId,
    before: before && hitToProto(before),
    after: after && hitToProto(after),
  });
}

function isSame(before: RuleHit | undefined, after: RuleHit | undefined): boolean {
  return before?.ruleId === after?.ruleId && before?.severity === after?.severity && before?.reason === after?.reason;
}
