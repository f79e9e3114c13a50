import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import { type Session, SessionSchema } from '../../../gen/autosession/session/v1/session_pb.js';
import {
  type ApplyMessagesRequest,
  type EscalateByRuleRequest,
  type ResolvePartiesRequest,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { type ExplainMessagesRequest, TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { appError, ErrorReason } from '../../../services/lib/errors/app-error.ts';
import { currentTenant } from '../../../services/lib/runtime/request-context.ts';

/** Messages before this time are older than any session. */
export const SESSIONS_SINCE = Date.parse('2025-06-01T00:00:00Z');

/** Fakes of session and task-dispatch: a repeated message always gets the same answer. */
export class MessageAnalysisFakes {
  readonly resolveRequests: ResolvePartiesRequest[] = [];
  readonly applyRequests: ApplyMessagesRequest[] = [];
  readonly explainRequests: ExplainMessagesRequest[] = [];
  /** Open sessions by tenant, account and shop. */
  readonly sessions = new Map<string, Session>();
  /** Content that the bot has sent and that no message has matched yet. */
  readonly receipts: { content: string; taskId: string; sessionId: string }[] = [];
  /** The account of each nick. */
  readonly accounts = new Map<string, string>();
  /** Thrown by the next calls, one each. */
  readonly scriptedFailures: ('resolve' | 'explain' | 'apply' | 'session' | 'escalate')[] = [];
  readonly escalations: EscalateByRuleRequest[] = [];
  /** The number of next calls of applyMessages that find a reassigned name. */
  remainingPartyMoves = 0;
  stable = true;
  /** The key of the shop into which the shop with this key was merged. */
  readonly mergedShops = new Map<string, string>();
  /** The shop that the next call of applyMessages finds merged since its parties were resolved. */
  mergeDuringApply?: { readonly from: string; readonly into: string };
  botPrefix = '';
  readonly #matches = new Map<string, { taskId: string; sessionId: string }>();
  readonly #verdicts = new Map<string, { sessionId: string; verdict: Verdict }>();

  routes(router: ConnectRouter): void {
    router.service(SessionService, {
      resolveParties: (request) => this.#resolve(request),
      applyMessages: (request) => this.#apply(request),
      getConversationSession: ({ accountKey, shopKey }) => {
        this.#throwIfScripted('session');
        return { session: this.sessions.get(JSON.stringify([currentTenant(), accountKey, shopKey])) };
      },
      escalateByRule: (request) => this.#escalate(request),
      getSession: ({ sessionId }) => {
        const session = [...this.sessions.values()].find((open) => open.sessionId === sessionId);
        if (!session) throw appError(ErrorReason.SESSION_NOT_FOUND, 'no such session', { session_id: sessionId });
        return { session };
      },
    });
    router.service(TaskService, { explainMessages: (request) => this.#explain(request) });
  }

  /** The open session of an account and a shop, created if there is none. */
  session(accountKey: string, shopKey: string): Session {
    const key = JSON.stringify([currentTenant(), accountKey, shopKey]);
    const known = this.sessions.get(key);
    if (known) return known;
    const sessionId = `ses_${currentTenant()}_${this.sessions.size + 1}`;
    const session = create(SessionSchema, {
      sessionId,
      sessionName: sessionId,
      state: SessionState.TRANSFERRED,
      status: Control.PENDING_MANUAL,
      ownerEpoch: 1,
      version: 1,
      accountKey,
      shopKey,
      createdAt: timestampFromMs(SESSIONS_SINCE),
    });
    this.sessions.set(key, session);
    return session;
  }

  #throwIfScripted(call: MessageAnalysisFakes['scriptedFailures'][number]): void {
    if (this.scriptedFailures[0] !== call) return;
    this.scriptedFailures.shift();
    throw new ConnectError('away', Code.Unavailable);
  }

  #resolve(request: ResolvePartiesRequest) {
    this.#throwIfScripted('resolve');
    this.resolveRequests.push(request);
    const shopKey = `shp_${Buffer.from(request.shopName).toString('hex')}`;
    const found = request.accountId || request.nicks.map((nick) => this.accounts.get(nick)).find(Boolean);
    return {
      accountKey: found ? `acc_${found}` : 'unknown',
      accountId: found ?? '',
      shopKey: this.mergedShops.get(shopKey) ?? shopKey,
      formerShopKeys: this.mergedShops.has(shopKey) ? [shopKey] : [],
      accountNicks: [...this.accounts].flatMap(([nick, account]) => (account === found ? [nick] : [])),
      shopNicks: [request.shopName],
      stable: this.stable && found !== undefined,
      botPrefix: this.botPrefix,
    };
  }

  #escalate(request: EscalateByRuleRequest) {
    this.#throwIfScripted('escalate');
    const session = [...this.sessions.values()].find((open) => open.sessionId === request.sessionId);
    if (session?.status !== Control.BOT_ACTIVE || session.ownerEpoch !== request.ownerEpoch)
      throw appError(ErrorReason.SUPERSEDED, 'control has changed');
    this.escalations.push(request);
    session.status = Control.PENDING_MANUAL;
    session.ownerEpoch += 1;
    return { session };
  }

  #explain(request: ExplainMessagesRequest) {
    this.#throwIfScripted('explain');
    this.explainRequests.push(request);
    const explained = request.messages.flatMap(({ messageId, content }) => {
      const key = JSON.stringify([currentTenant(), request.shopKey, messageId]);
      const index = this.receipts.findIndex((receipt) => receipt.content === content.trim());
      const match = this.#matches.get(key) ?? (index >= 0 ? this.receipts.splice(index, 1)[0] : undefined);
      if (!match) return [];
      this.#matches.set(key, match);
      return [{ messageId, taskId: match.taskId, sessionId: match.sessionId }];
    });
    return { explained };
  }

  #apply(request: ApplyMessagesRequest) {
    this.#throwIfScripted('apply');
    this.applyRequests.push(request);
    if (this.mergeDuringApply) {
      this.mergedShops.set(this.mergeDuringApply.from, this.mergeDuringApply.into);
      this.mergeDuringApply = undefined;
      return { partiesMoved: true };
    }
    if (this.remainingPartyMoves > 0) {
      this.remainingPartyMoves -= 1;
      return { partiesMoved: true };
    }
    const { accountKey, shopKey, messages } = request;
    const session = this.session(accountKey, shopKey);
    const placed = messages.map(({ messageId, sentAt }) => {
      const key = JSON.stringify([currentTenant(), shopKey, messageId]);
      const old = sentAt !== undefined && timestampMs(sentAt) < SESSIONS_SINCE;
      const verdict = this.#verdicts.get(key) ?? {
        sessionId: old ? '' : session.sessionId,
        verdict: old ? Verdict.HISTORY : Verdict.STORED,
      };
      this.#verdicts.set(key, verdict);
      return { messageId, ...verdict };
    });
    return { session, operations: messages.length > 0 ? ['updated'] : [], messages: placed };
  }
}
