import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { HandoverReason } from '../../../gen/autosession/control/v1/control_pb.js';
import {
  type CreateSessionRequest,
  type CreateSessionResponse,
  CreateSessionResponseSchema,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { currentContext, currentTenant } from '../../lib/context.ts';
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import type { RecordAnswer } from '../../lib/idempotency.ts';
import { commit } from '../commit.ts';
import type { SessionDeps } from '../deps.ts';
import { decide } from '../domain/change.ts';
import type { Opened } from '../domain/events.ts';
import { openSession } from '../domain/open.ts';
import { escalate, severityOfTask } from '../domain/requests.ts';
import { isManualType, type SessionRecord, timeoutAt } from '../domain/session.ts';
import { decideSlot, type SlotDecision } from '../domain/slot.ts';
import { stateWord, taskTypeWord } from '../domain/words.ts';
import type { PartyKeys } from '../parties.ts';
import { isRenamed } from '../store/alias-use.ts';
import { StaleSession } from '../store/session-store.ts';
import { recordAlone } from './command-once.ts';
import { bodyHash, withDefaults } from './create-request.ts';
import { taskSpec } from './task-spec.ts';

/** How often the slot rules are applied anew when other callers are faster. */
const ATTEMPTS = 8;

/** What came of a request to open a session. */
export interface SlotOutcome {
  readonly answer: CreateSessionResponse;
  readonly session: SessionRecord;
}

/** A request with its defaults, and the keys of its slot. */
interface Asking extends PartyKeys {
  readonly request: CreateSessionRequest;
  readonly hash: string;
  readonly record: RecordAnswer<CreateSessionResponse>;
}

/**
 * Applies the slot rules. The unique slot decides between callers that race: the transaction that loses is rolled back
 * whole, the winner is read outside of it, and the rules are applied again. Throws UNAVAILABLE when the slot is held.
 */
export async function openOnSlot(
  deps: SessionDeps,
  sent: CreateSessionRequest,
  record: RecordAnswer<CreateSessionResponse>,
): Promise<SlotOutcome> {
  const request = withDefaults(sent, deps.config.maxInactiveMinutes);
  const hash = bodyHash(request);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const { keys, candidates, newest } = await lookUp(deps, request, hash);
    const asking: Asking = { ...keys, request, hash, record };
    const wish = { hash, taskType: request.taskType, maxInactiveMinutes: sent.maxInactiveMinutes };
    const decision = decideSlot(candidates, wish, deps.clock.now());
    try {
      return await carryOut(deps, asking, decision, newest);
    } catch (error) {
      if (!(error instanceof StaleSession || isRenamed(error) || deps.db.isDuplicateKey(error))) throw error;
    }
  }
  throw refuse(
    ErrorReason.SERVICE_UNAVAILABLE,
    'many callers want this account and shop at once; a repeat is harmless',
  );
}

/** Who is meant, and what the slot rules have to know: the request's earlier sessions, the holder and the newest session. */
async function lookUp(deps: SessionDeps, request: CreateSessionRequest, hash: string) {
  const tenant = currentTenant();
  const { platform, accountId } = request;
  const [known, served] = await Promise.all([
    deps.parties.find(platform, request, accountId),
    deps.sessions.findServed(tenant, hash),
  ]);
  const keys = await deps.parties.keysOf(platform, request, accountId, known);
  // nobody has opened a session with a shop whose key was just made
  if (keys.unwritten.length > 0 && served.length === 0) return { keys, candidates: [], newest: undefined };
  return { keys, ...(await deps.sessions.findForRequest(tenant, { ...keys, served })) };
}

async function carryOut(
  deps: SessionDeps,
  asking: Asking,
  decision: SlotDecision,
  newest: SessionRecord | undefined,
): Promise<SlotOutcome> {
  switch (decision.kind) {
    case 'repeat':
      return repeat(deps, asking, decision.session);
    case 'refuse':
      throw conflict(decision.holder);
    case 'escalate':
      return takeFromBot(deps, asking, decision.holder);
    case 'replace':
      await endHolder(deps, decision);
      return open(deps, asking, await deps.sessions.findNewest(currentTenant(), asking.accountKey, asking.shopKey));
    case 'open':
      return open(deps, asking, newest);
  }
}

/** The same body again: its answer is the first one's, under this key too. */
async function repeat(deps: SessionDeps, asking: Asking, session: SessionRecord): Promise<SlotOutcome> {
  const answer = reply(asking, session);
  await recordAlone(deps, asking.record, answer);
  return { answer, session };
}

/** One conversation, one session: the bot's session becomes the manual request's. */
async function takeFromBot(deps: SessionDeps, asking: Asking, holder: SessionRecord): Promise<SlotOutcome> {
  const by = { now: deps.clock.now(), actor: currentContext().actor };
  const severity = severityOfTask(asking.request.taskType);
  const wish = { reason: HandoverReason.MANUAL, severity, details: '', takenHash: asking.hash };
  const change = escalate(holder, wish, by);
  const session = change?.after ?? holder;
  const answer = reply(asking, session);
  if (change) await commit(deps, 'session-create', { changes: [change] }, (tx) => asking.record(tx, answer));
  return { answer, session };
}

/** A holder that has run out is closed by itself, so that the senders hear of it before anybody else has the slot. */
async function endHolder(deps: SessionDeps, { holder, limitMinutes }: Extract<SlotDecision, { kind: 'replace' }>) {
  const ended = decide(holder, 'time_out', { limitMinutes }, { now: deps.clock.now(), actor: 'system' });
  await commit(deps, 'session-time_out', { changes: [ended] });
  await deps.fences.confirm(ended.after);
}

/** Opens on a free slot, once the senders know that the session before is closed: until then the bot may speak in it. */
async function open(deps: SessionDeps, asking: Asking, before: SessionRecord | undefined): Promise<SlotOutcome> {
  if (before) await deps.fences.confirm(before);
  const opened = newSession(deps, asking, deps.clock.now());
  const answer = reply(asking, opened.session);
  const write = { opened, names: asking.unwritten };
  await commit(deps, 'session-create', write, (tx) => asking.record(tx, answer));
  return { answer, session: opened.session };
}

function newSession(deps: SessionDeps, asking: Asking, now: number): Opened {
  const { request, hash, accountKey, shopKey } = asking;
  const manual = isManualType(request.taskType);
  const severity = severityOfTask(request.taskType);
  const session = openSession(
    manual ? 'open_human' : 'open_bot',
    {
      sessionId: deps.ids.next('ses'),
      taskType: request.taskType,
      externalTaskId: request.externalTaskId,
      firstTaskId: manual ? '' : deps.ids.next('tsk'),
      createHash: hash,
      platform: request.platform,
      accountKey,
      shopKey,
      accountId: request.accountId,
      shopId: request.shopId,
      shopName: request.shopName,
      maxInactiveMinutes: request.maxInactiveMinutes ?? deps.config.maxInactiveMinutes,
      vip: request.vip,
      escalation: manual
        ? { reason: HandoverReason.MANUAL, severity, details: '', triggerAt: now, evidence: [] }
        : undefined,
    },
    now,
  );
  const first = { taskId: session.firstTaskId, ownerEpoch: session.ownerEpoch, createdAt: now };
  const task = manual ? undefined : taskSpec(session, request, first);
  return { session, task, actor: currentContext().actor, unattendedMessage: false };
}

function reply({ request, hash }: Asking, session: SessionRecord): CreateSessionResponse {
  const takenFromBot = session.takenHash === hash;
  return create(CreateSessionResponseSchema, {
    sessionId: session.sessionId,
    taskId: takenFromBot ? '' : session.firstTaskId,
    externalTaskId: request.externalTaskId,
    taskType: session.taskType,
    state: session.state,
    createdAt: timestampFromMs(session.createdAt),
    status: session.control,
    takenFromBot,
  });
}

function conflict(holder: SessionRecord) {
  return refuse(ErrorReason.UNAVAILABLE, `session ${holder.sessionId} holds this account and shop`, {
    conflict_session_id: holder.sessionId,
    conflict_state: stateWord(holder.state),
    conflict_task_type: taskTypeWord(holder.taskType),
    available_at: new Date(timeoutAt(holder)).toISOString(),
  });
}
