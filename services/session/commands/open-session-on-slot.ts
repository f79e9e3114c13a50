import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { HandoverReason } from '../../../gen/autosession/control/v1/control_pb.js';
import {
  type CreateSessionRequest,
  type CreateSessionResponse,
  CreateSessionResponseSchema,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { SaveResponse } from '../../lib/idempotency/with-idempotency.ts';
import { currentContext, currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import { applyCommand } from '../domain/apply-command.ts';
import { escalate, severityOfTask } from '../domain/commands.ts';
import { createSessionRecord } from '../domain/create-session-record.ts';
import { bodyHash, withDefaults } from '../domain/create-session-request.ts';
import { sessionStateName, taskTypeName } from '../domain/enum-names.ts';
import { isManualType, type SessionRecord, timeoutAt } from '../domain/session.ts';
import type { OpenedSession } from '../domain/session-events.ts';
import { decideSlot, type SlotDecision } from '../domain/slot.ts';
import { taskSpec } from '../domain/task-spec.ts';
import type { PartyKeys } from '../parties/party-registry.ts';
import { isAliasReassigned } from '../store/alias-guard.ts';
import { SessionConflictError, type SessionWrite } from '../store/session-store.ts';
import { saveResponseAlone } from '../unit-of-work/idempotent-command.ts';
import { commit } from '../unit-of-work/session-transaction.ts';

/** How often the slot rules are applied anew when other callers are faster. */
const MAX_ATTEMPTS = 8;

/** What came of a request to open a session. */
export interface OpenResult {
  readonly answer: CreateSessionResponse;
  readonly session: SessionRecord;
}

/** A request with its defaults, and the keys of its slot. */
interface OpenRequest extends PartyKeys {
  readonly request: CreateSessionRequest;
  readonly hash: string;
  readonly saveResponse: SaveResponse<CreateSessionResponse>;
}

/**
 * Applies the slot rules. The unique slot decides between callers that race: the transaction that loses is rolled back
 * whole, the winner is read outside of it, and the rules are applied again. Throws UNAVAILABLE when the slot is held.
 */
export async function openSessionOnSlot(
  deps: SessionDeps,
  sent: CreateSessionRequest,
  saveResponse: SaveResponse<CreateSessionResponse>,
): Promise<OpenResult> {
  const request = withDefaults(sent, deps.config.maxInactiveMinutes);
  const hash = bodyHash(request);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const { keys, candidates, newest } = await loadCandidates(deps, request, hash);
    const openRequest: OpenRequest = { ...keys, request, hash, saveResponse };
    const params = { hash, taskType: request.taskType, maxInactiveMinutes: sent.maxInactiveMinutes };
    const decision = decideSlot(candidates, params, deps.clock.now());
    try {
      return await applyDecision(deps, openRequest, decision, newest);
    } catch (error) {
      if (!(error instanceof SessionConflictError || isAliasReassigned(error) || deps.db.isDuplicateKey(error)))
        throw error;
    }
  }
  throw appError(
    ErrorReason.SERVICE_UNAVAILABLE,
    'many callers want this account and shop at once; a repeat is harmless',
  );
}

/** Who is meant, and what the slot rules have to know: the request's earlier sessions, the holder and the newest session. */
async function loadCandidates(deps: SessionDeps, request: CreateSessionRequest, hash: string) {
  const tenant = currentTenant();
  const { platform, accountId } = request;
  const [existingAliases, served] = await Promise.all([
    deps.parties.find(platform, request, accountId),
    deps.sessions.findByRequestHash(tenant, hash),
  ]);
  const keys = await deps.parties.resolveKeys(platform, request, accountId, existingAliases);
  // nobody has opened a session with a shop whose key was just made
  if (keys.newAliases.length > 0 && served.length === 0) return { keys, candidates: [], newest: undefined };
  return { keys, ...(await deps.sessions.findForRequest(tenant, { ...keys, served })) };
}

async function applyDecision(
  deps: SessionDeps,
  openRequest: OpenRequest,
  decision: SlotDecision,
  newest: SessionRecord | undefined,
): Promise<OpenResult> {
  switch (decision.kind) {
    case 'repeat':
      return repeat(deps, openRequest, decision.session);
    case 'refuse':
      throw conflict(decision.holder);
    case 'escalate':
      return escalateHolder(deps, openRequest, decision.holder);
    case 'replace':
      await closeExpiredHolder(deps, decision);
      return openFreeSlot(
        deps,
        openRequest,
        await deps.sessions.findNewest(currentTenant(), openRequest.accountKey, openRequest.shopKey),
      );
    case 'open':
      return openFreeSlot(deps, openRequest, newest);
  }
}

/** The same body again: its answer is the first one's, under this key too. */
async function repeat(deps: SessionDeps, openRequest: OpenRequest, session: SessionRecord): Promise<OpenResult> {
  const answer = reply(openRequest, session);
  await saveResponseAlone(deps, openRequest.saveResponse, answer);
  return { answer, session };
}

/** One conversation, one session: the bot's session becomes the manual request's. */
async function escalateHolder(deps: SessionDeps, openRequest: OpenRequest, holder: SessionRecord): Promise<OpenResult> {
  const ctx = { now: deps.clock.now(), actor: currentContext().actor };
  const severity = severityOfTask(openRequest.request.taskType);
  const params = { reason: HandoverReason.MANUAL, severity, details: '', takenHash: openRequest.hash };
  const change = escalate(holder, params, ctx);
  const session = change?.after ?? holder;
  const answer = reply(openRequest, session);
  if (change) await commit(deps, 'session-create', { changes: [change] }, (tx) => openRequest.saveResponse(tx, answer));
  return { answer, session };
}

/** A holder that has run out is closed by itself, so that the senders hear of it before anybody else has the slot. */
async function closeExpiredHolder(
  deps: SessionDeps,
  { holder, limitMinutes }: Extract<SlotDecision, { kind: 'replace' }>,
) {
  const ended = applyCommand(holder, 'time_out', { limitMinutes }, { now: deps.clock.now(), actor: 'system' });
  await commit(deps, 'session-time_out', { changes: [ended] });
  await deps.fences.confirm(ended.after);
}

/** Opens on a free slot, once the senders know that the session before is closed: until then the bot may speak in it. */
async function openFreeSlot(
  deps: SessionDeps,
  openRequest: OpenRequest,
  before: SessionRecord | undefined,
): Promise<OpenResult> {
  if (before) await deps.fences.confirm(before);
  const opened = buildSession(deps, openRequest, deps.clock.now());
  const answer = reply(openRequest, opened.session);
  const write: SessionWrite = { opened, newAliases: openRequest.newAliases };
  await commit(deps, 'session-create', write, (tx) => openRequest.saveResponse(tx, answer));
  return { answer, session: opened.session };
}

function buildSession(deps: SessionDeps, openRequest: OpenRequest, now: number): OpenedSession {
  const { request, hash, accountKey, shopKey } = openRequest;
  const manual = isManualType(request.taskType);
  const severity = severityOfTask(request.taskType);
  const session = createSessionRecord(
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

function reply({ request, hash }: OpenRequest, session: SessionRecord): CreateSessionResponse {
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
  return appError(ErrorReason.UNAVAILABLE, `session ${holder.sessionId} holds this account and shop`, {
    conflict_session_id: holder.sessionId,
    conflict_state: sessionStateName(holder.state),
    conflict_task_type: taskTypeName(holder.taskType),
    available_at: new Date(timeoutAt(holder)).toISOString(),
  });
}
