import type { ServiceImpl } from '@connectrpc/connect';
import { Control, HandoverReason } from '../../../gen/autosession/control/v1/control_pb.js';
import {
  type CreateSessionRequest,
  type CreateSessionResponse,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { appError, ErrorReason, hasErrorReason } from '../../lib/errors/app-error.ts';
import { IdempotencyRecord } from '../../lib/idempotency/idempotency-record.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import { applyCommand } from '../domain/apply-command.ts';
import { escalate, severityOfTask } from '../domain/commands.ts';
import { bodyHash, withDefaults } from '../domain/create-session-request.ts';
import { sessionStateName, taskTypeName } from '../domain/enum-names.ts';
import { type SessionRecord, timeoutAt } from '../domain/session.ts';
import { createSessionResponse, sessionFromRequest } from '../domain/session-from-request.ts';
import { decideSlot, type SlotDecision } from '../domain/slot.ts';
import { taskSpec } from '../domain/task-spec.ts';
import type { PartyKeys } from '../parties/party-registry.ts';
import { loadSession } from '../unit-of-work/load-session.ts';
import { retryCommand } from '../unit-of-work/retry-command.ts';
import { SessionUnitOfWork } from '../unit-of-work/session-unit-of-work.ts';

/**
 * Opens a session on the slot of (account, shop), with its first task. The unique slot decides between concurrent clients:
 * the transaction that loses is rolled back, and the slot rules are applied again to what the winner left.
 */
export const createSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['createSession'] =>
  async (sent) => {
    const request = withDefaults(sent, deps.config.maxInactiveMinutes);
    const hash = bodyHash(request);
    const record = new IdempotencyRecord(deps, SessionService.method.createSession, sent);
    const { answer, session } = await retryCommand(deps, slotContention, async () => {
      const saved = await record.find();
      if (saved) return { answer: saved, session: await loadSession(deps, saved.sessionId) };
      const unit = new SessionUnitOfWork(deps);
      const { keys, candidates, newest } = await loadCandidates(deps, request, hash);
      const params = { hash, taskType: request.taskType, maxInactiveMinutes: sent.maxInactiveMinutes };
      const decision = decideSlot(candidates, params, unit.context.now);
      const session = await applyDecision(deps, unit, decision, { request, hash, keys, newest });
      const answer = createSessionResponse(request, hash, session);
      unit.respond(record, answer);
      await unit.commit('session-create');
      return { answer, session };
    });
    Object.assign(answer, { state: session.state, status: session.control });
    await Promise.all([confirmFence(deps, session, answer), createFirstTask(deps, session, sent, answer.taskId)]);
    return answer;
  };

/** The keys of account and shop, and what the slot rules need: the request's earlier sessions, the holder and the newest session. */
async function loadCandidates(deps: SessionDeps, request: CreateSessionRequest, hash: string) {
  const tenant = currentTenant();
  const { platform, accountId } = request;
  const [existingAliases, served] = await Promise.all([
    deps.parties.find(platform, request, accountId),
    deps.sessions.findByRequestHash(tenant, hash),
  ]);
  const keys = await deps.parties.resolveKeys(platform, request, accountId, existingAliases);
  // a shop whose key was generated just now has no session
  if (keys.newAliases.length > 0 && served.length === 0) return { keys, candidates: [], newest: undefined };
  return { keys, ...(await deps.sessions.findForRequest(tenant, { ...keys, served })) };
}

interface SlotRequestContext {
  readonly request: CreateSessionRequest;
  readonly hash: string;
  readonly keys: PartyKeys;
  /** The newest session of account and shop, open or closed. */
  readonly newest: SessionRecord | undefined;
}

/** Adds what the decision writes to the unit, and returns the session that answers the request. Throws UNAVAILABLE. */
async function applyDecision(
  deps: SessionDeps,
  unit: SessionUnitOfWork,
  decision: SlotDecision,
  { request, hash, keys, newest }: SlotRequestContext,
): Promise<SessionRecord> {
  if (decision.kind === 'repeat') return decision.session;
  if (decision.kind === 'refuse') throw slotTaken(decision.holder);
  if (decision.kind === 'escalate') {
    const input = { reason: HandoverReason.MANUAL, severity: severityOfTask(request.taskType), details: '' };
    const change = escalate(decision.holder, { ...input, takenHash: hash }, unit.context);
    return change ? unit.apply(change) : decision.holder;
  }
  const last = decision.kind === 'replace' ? await closeExpiredHolder(deps, decision, keys) : newest;
  // until the senders know that the last session is closed the bot may still speak in it
  if (last) await deps.fences.confirm(last);
  const ids = { sessionId: deps.ids.next('ses'), taskId: deps.ids.next('tsk') };
  unit.addAliases(keys.newAliases);
  return unit.open(sessionFromRequest(request, { ...keys, ...ids, createHash: hash }, unit.context));
}

/**
 * Closes a holder that has timed out, in a transaction of its own: the senders must know before another session has the
 * slot. Returns the newest session of account and shop after that.
 */
async function closeExpiredHolder(
  deps: SessionDeps,
  { holder, limitMinutes }: Extract<SlotDecision, { kind: 'replace' }>,
  { accountKey, shopKey }: PartyKeys,
): Promise<SessionRecord | undefined> {
  const unit = new SessionUnitOfWork(deps);
  const closed = unit.apply(applyCommand(holder, 'time_out', { limitMinutes }, { ...unit.context, actor: 'system' }));
  await unit.commit('session-time_out');
  await deps.fences.confirm(closed);
  return deps.sessions.findNewest(currentTenant(), accountKey, shopKey);
}

async function confirmFence(deps: SessionDeps, session: SessionRecord, answer: CreateSessionResponse): Promise<void> {
  if (answer.takenFromBot) answer.possiblySent = (await deps.fences.raise(session)).possiblySent;
  else await deps.fences.confirm(session);
}

/** Stores the task that the event of the session carries too. Every repeat does so, so that the task of its response exists. */
async function createFirstTask(
  deps: SessionDeps,
  session: SessionRecord,
  request: CreateSessionRequest,
  taskId: string,
): Promise<void> {
  if (!taskId) return;
  const task = taskSpec(session, request, { taskId, ownerEpoch: 1, createdAt: session.createdAt });
  try {
    await deps.tasks.createTask({ task, status: Control.BOT_ACTIVE, paused: false, reuseSeconds: 0 });
  } catch (error) {
    if (hasErrorReason(error, ErrorReason.DEADLINE_EXCEEDED) || hasErrorReason(error, ErrorReason.CANCELED))
      throw error;
    const text = 'the session is stored, its task is not yet; repeat the request';
    throw appError(ErrorReason.SERVICE_UNAVAILABLE, text, { session_id: session.sessionId, task_id: taskId }, error);
  }
}

function slotTaken(holder: SessionRecord) {
  return appError(ErrorReason.UNAVAILABLE, `session ${holder.sessionId} holds this account and shop`, {
    conflict_session_id: holder.sessionId,
    conflict_state: sessionStateName(holder.state),
    conflict_task_type: taskTypeName(holder.taskType),
    available_at: new Date(timeoutAt(holder)).toISOString(),
  });
}

function slotContention() {
  const text = 'too many concurrent requests for this account and shop; repeat the request';
  return appError(ErrorReason.SERVICE_UNAVAILABLE, text);
}
