import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Control, HandoverReason, SessionState, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { type Event, EventSchema, Source, type TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import { TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';

const agent = { agentId: 'agent_01', agentName: '小王' };

/** The state of a simulated session. */
interface ControlState {
  readonly state: SessionState;
  readonly status: Control;
  readonly external?: boolean;
  readonly withAgent?: boolean;
}

const bot: ControlState = { state: SessionState.ACTIVE, status: Control.BOT_ACTIVE };
const paused: ControlState = { state: SessionState.PAUSED, status: Control.BOT_ACTIVE };
const pending: ControlState = { state: SessionState.TRANSFERRED, status: Control.PENDING_MANUAL };
const external: ControlState = { state: SessionState.TRANSFERRED, status: Control.MANUAL_LIVE, external: true };
const live: ControlState = { state: SessionState.TRANSFERRED, status: Control.MANUAL_LIVE, withAgent: true };
const timedOut: ControlState = { state: SessionState.TIMEOUT, status: Control.CLOSED };

/** The transitions, like those of the session service. */
const commands: Record<string, { accepts(from: ControlState): boolean; to: ControlState; raises?: boolean }> = {
  pause: { accepts: (from) => from === bot, to: paused },
  resume: { accepts: (from) => from === paused, to: bot },
  escalate: { accepts: (from) => from.status === Control.BOT_ACTIVE, to: pending },
  attend_externally: { accepts: (from) => from.status === Control.BOT_ACTIVE || from === pending, to: external },
  take_over: { accepts: (from) => from !== live && from !== timedOut, to: live },
  attendant_silent: { accepts: (from) => from === external, to: pending },
  release: { accepts: (from) => from.state === SessionState.TRANSFERRED, to: bot },
  mark_idle: { accepts: (from) => from === bot, to: bot, raises: false },
  time_out: { accepts: (from) => from !== timedOut, to: timedOut },
};

export type Command = keyof typeof commands;
export const commandNames = Object.keys(commands);
const initialStates = { bot, pending, external };

/** A simulated session that emits events. Every event advances the time by `transition` milliseconds. */
export class EventScript {
  readonly sessionId: string;
  readonly events: Event[] = [];
  readonly #step: number;
  #controlState: ControlState = bot;
  #epoch = 0;
  #now: number;

  constructor(sessionId: string, now: number, transition = 1_000) {
    this.sessionId = sessionId;
    this.#now = now;
    this.#step = transition;
  }

  open(at: keyof typeof initialStates = 'bot', overrides: { unattended?: boolean } = {}): this {
    this.#controlState = initialStates[at];
    this.#epoch = 1;
    const value = { session: this.#session(), actor: 'upstream', unattendedMessage: overrides.unattended ?? false };
    return this.#emit(Source.SESSION, { case: 'sessionCreated', value });
  }

  accepts(command: string): boolean {
    return commands[command]?.accepts(this.#controlState) ?? false;
  }

  command(name: string, overrides: { actor?: string; reason?: string } = {}): this {
    const transition = commands[name];
    if (!transition || !this.accepts(name)) throw new Error(`no ${name} here`);
    const from = this.#controlState;
    this.#controlState = transition.to;
    const raisesEpoch = transition.raises ?? true;
    if (raisesEpoch) this.#epoch += 1;
    const value = {
      session: this.#session(),
      command: name,
      actor: overrides.actor ?? 'agent_01',
      reason: overrides.reason ?? `why_${name}`,
      previousState: from.state,
      previousStatus: from.status,
      epochRaised: raisesEpoch,
    };
    return this.#emit(Source.SESSION, { case: 'sessionChanged', value });
  }

  messages(shopCount: number, count = shopCount): this {
    const { status, state } = this.#controlState;
    const value = { count, shopCount, status, state, ownerEpoch: this.#epoch, shopName: '测试店铺' };
    return this.#emit(Source.MESSAGE_ANALYSIS, { case: 'messagesReceived', value });
  }

  task(change: TaskChange, taskStatus: TaskStatus, actor = 'system'): this {
    const task = { taskId: 'tsk_1', sessionId: this.sessionId, taskStatus, ownerEpoch: 1, shopName: '测试店铺' };
    const value = { task, change, previousStatus: TaskStatus.UNKNOWN, actor, reason: 'seen in the window' };
    return this.#emit(Source.TASK_DISPATCH, { case: 'taskChanged', value });
  }

  /** Advances the time. */
  advance(ms: number): this {
    this.#now += ms;
    return this;
  }

  /** The last event. */
  get last(): Event {
    return this.events.at(-1)!;
  }

  #emit(source: Source, payload: NonNullable<Parameters<typeof create<typeof EventSchema>>[1]>['payload']): this {
    const scope = { accountId: 'acc-1', shopId: 'shop-1', sessionName: this.sessionId, sessionId: this.sessionId };
    const eventId = `evt_${this.sessionId}_${this.events.length + 1}`;
    const occurredAt = timestampFromMs(this.#now);
    this.#now += this.#step;
    this.events.push(create(EventSchema, { ...scope, eventId, source, occurredAt, payload } as never));
    return this;
  }

  #session() {
    const { state, status, withAgent } = this.#controlState;
    return {
      sessionId: this.sessionId,
      state,
      status,
      ownerEpoch: this.#epoch,
      shopName: '测试店铺',
      accountId: 'acc-1',
      assignedAgent: withAgent ? agent : undefined,
      attendantExternal: this.#controlState.external ?? false,
      escalation: { reason: HandoverReason.USER_REQUEST, severity: Severity.HIGH, details: '要求人工' },
    };
  }
}
