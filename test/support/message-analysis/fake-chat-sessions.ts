import { create } from '@bufbuild/protobuf';
import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { AgentRefSchema, type Session, SessionSchema } from '../../../gen/autosession/session/v1/session_pb.js';
import { appError, ErrorReason } from '../../../services/lib/errors/app-error.ts';
import type { ChatControl } from '../../../services/message-analysis/domain/chat-session.ts';

/** The session service as chats see it: sessions by name, whose control a test changes. */
export class FakeChatSessions {
  readonly sessions = new Map<string, Session>();
  readonly escalations: { readonly sessionId: string; readonly ownerEpoch: number; readonly details: string }[] = [];
  /** Whether the service does not answer. */
  isDown = false;
  /** Raises the fence, as the session service does. */
  raise: (control: ChatControl) => Promise<unknown> = async () => {};

  readonly client = {
    openChatSession: async ({ sessionName, userId, botId }: { sessionName: string; userId: string; botId: string }) => {
      this.#throwIfDown();
      return { session: this.open(sessionName, { userId, botId }) };
    },
    getSession: async ({ sessionId }: { sessionId: string }) => {
      this.#throwIfDown();
      return { session: this.#find(sessionId) };
    },
    escalateByRule: async (request: { sessionId: string; ownerEpoch: number; details: string }) => {
      this.#throwIfDown();
      const session = this.#find(request.sessionId);
      if (session.ownerEpoch !== request.ownerEpoch || session.status !== Control.BOT_ACTIVE)
        throw appError(ErrorReason.SUPERSEDED, 'control has changed', { session_id: session.sessionId });
      this.escalations.push(request);
      await this.change(session.sessionName, Control.PENDING_MANUAL);
      return { session: this.#find(request.sessionId) };
    },
    takeOverSession: async ({ session, agentId }: { session: string; agentId: string }) => {
      this.#throwIfDown();
      const { sessionName } = this.#find(session);
      await this.change(sessionName, Control.MANUAL_LIVE, agentId);
      return { session: this.#find(session) };
    },
  };

  /** The session of a name. */
  open(sessionName: string, { userId = sessionName, botId = 'bot' } = {}): Session {
    const known = this.sessions.get(sessionName);
    if (known) return known;
    const session = create(SessionSchema, {
      sessionId: `ses_${sessionName}`,
      sessionName,
      userId,
      botId,
      ownerEpoch: 1,
      version: 1,
      state: SessionState.ACTIVE,
      status: Control.BOT_ACTIVE,
    });
    this.sessions.set(sessionName, session);
    return session;
  }

  /** Changes control without raising the fence; returns what the fence has to be raised to. */
  changeOnly(sessionName: string, control: Control, agentId = '', paused = false): ChatControl {
    const before = this.open(sessionName);
    const after: Session = {
      ...before,
      ownerEpoch: before.ownerEpoch + 1,
      status: control,
      state: paused ? SessionState.PAUSED : SessionState.ACTIVE,
      assignedAgent: agentId ? create(AgentRefSchema, { agentId, agentName: agentId }) : undefined,
    };
    this.sessions.set(sessionName, after);
    const { sessionId, ownerEpoch, botId } = after;
    return { sessionId, sessionName, ownerEpoch, control, paused, agentId, botId };
  }

  /** Changes control, and returns when the fence is raised. */
  async change(sessionName: string, control: Control, agentId = '', paused = false): Promise<unknown> {
    return this.raise(this.changeOnly(sessionName, control, agentId, paused));
  }

  #find(idOrName: string): Session {
    const session = [...this.sessions.values()].find((each) => [each.sessionId, each.sessionName].includes(idOrName));
    if (!session) throw appError(ErrorReason.SESSION_NOT_FOUND, 'no such session', { session_id: idOrName });
    return session;
  }

  #throwIfDown(): void {
    if (this.isDown) throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the session service does not answer');
  }
}
