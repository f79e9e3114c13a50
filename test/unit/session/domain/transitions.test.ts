import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Control, HandoverReason, SessionState, Severity } from '../../../../gen/autosession/control/v1/control_pb.js';
import { ErrorReason, errorInfo } from '../../../../services/lib/errors/app-error.ts';
import {
  applyCommand,
  type ChangingCommand,
  type CommandInputs,
} from '../../../../services/session/domain/apply-command.ts';
import { isHandedOver, isOpen, type SessionRecord } from '../../../../services/session/domain/session.ts';
import { nextDueAt } from '../../../../services/session/domain/timers.ts';
import {
  allowedCommands,
  compositeStates,
  findSessionTransition,
  type StateKey,
  stateKeyOf,
  transitionTable,
} from '../../../../services/session/domain/transitions.ts';
import { NOW, sessionInState } from '../../../support/session/session-record.ts';

const inputs: CommandInputs = {
  activate: { reason: 'x' },
  mark_idle: {},
  pause: { reason: 'x' },
  resume: { reason: 'x' },
  escalate: { reason: HandoverReason.KEYWORD, severity: Severity.LOW, details: '' },
  take_over: { agent: { id: 'a', name: 'A' } },
  attend_externally: { evidence: ['m1'] },
  attendant_silent: {},
  release: { agentId: 'a', reason: 'x' },
  identify: { accountKey: 'acc_2', accountId: 'two' },
  pass_fence: { fenceEpoch: 9 },
  complete: { reason: 'x' },
  cancel: { reason: 'x' },
  time_out: { limitMinutes: 120 },
  expire: {},
  archive: { reason: 'x' },
};
const commands = Object.keys(inputs) as ChangingCommand[];
const cellNames = Object.keys(compositeStates) as StateKey[];
const by = { now: NOW + 1_000, actor: 'tester' };
const table = commands.flatMap((command) => cellNames.map((cell) => ({ command, cell })));

function checkInvariants(before: SessionRecord, after: SessionRecord): void {
  expect(after.state === SessionState.TRANSFERRED).toBe(isHandedOver(after));
  expect(after.control === Control.CLOSED).toBe(!isOpen(after));
  expect(after.ownerEpoch).toBeGreaterThanOrEqual(before.ownerEpoch);
  expect(after.tasksFromEpoch).toBeLessThanOrEqual(after.ownerEpoch);
  expect(after.tasksFromEpoch).toBeGreaterThanOrEqual(before.tasksFromEpoch);
  expect(after.version).toBe(before.version + 1);
  expect(after.sourceSeq).toBe(before.sourceSeq + 1);
  expect(after.finishedAt !== undefined).toBe(!isOpen(after));
  expect(nextDueAt(after, 60_000) !== undefined).toBe(isOpen(after));
  if (after.control !== before.control) expect(after.ownerEpoch).toBeGreaterThan(before.ownerEpoch);
  if (!isOpen(before)) expect([before.state, SessionState.ARCHIVED]).toContain(after.state);
  if (after.agent) expect(stateKeyOf(after)).toBe('attended');
  if (after.attendantDueAt) expect(stateKeyOf(after)).toBe('attended_externally');
}

describe('the transition table', () => {
  it.each(table)('$command in $cell follows its row or is refused with the allowed commands', ({ command, cell }) => {
    const session = sessionInState(cell);
    const row = findSessionTransition(command, cell);
    if (row) {
      const { after, epochRaised } = applyCommand(session, command, inputs[command], by);
      checkInvariants(session, after);
      expect(stateKeyOf(after)).toBe(row.to === 'same' ? cell : row.to);
      expect(epochRaised).toBe(row.raisesEpoch);
      const from = command === 'pass_fence' ? inputs.pass_fence.fenceEpoch : session.ownerEpoch;
      expect(after.ownerEpoch - from).toBe(row.raisesEpoch ? 1 : 0);
      return;
    }
    expect.assertions(1);
    try {
      applyCommand(session, command, inputs[command], by);
    } catch (error) {
      expect(errorInfo(error)).toMatchObject({
        reason: ErrorReason.INVALID_STATUS,
        metadata: { command, allowed: allowedCommands(cell).join(',') },
      });
    }
  });

  it('keeps its invariants on every walk', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...commands), { maxLength: 40 }), (walk) => {
        let session = sessionInState('pending');
        for (const command of walk) {
          if (!findSessionTransition(command, stateKeyOf(session))) continue;
          const { after } = applyCommand(session, command, inputs[command], by);
          checkInvariants(session, after);
          session = after;
        }
      }),
    );
  });

  it('leads from every open state to every closed one, and is rendered for the documentation', () => {
    for (const cell of cellNames.filter((name) => isOpen(sessionInState(name)))) {
      for (const command of ['complete', 'cancel', 'time_out'] as const)
        expect(findSessionTransition(command, cell)).toBeDefined();
      // a session does not expire while a human is in control or requested
      expect(findSessionTransition('expire', cell) === undefined).toBe(isHandedOver(sessionInState(cell)));
    }
    expect(transitionTable()).toContainEqual({
      command: 'escalate',
      from: ['pending/bot_active', 'active/bot_active', 'idle/bot_active', 'paused/bot_active'],
      to: 'transferred/pending_manual',
      control: 'pending_manual',
      raisesEpoch: true,
      withdrawsTasks: true,
      by: 'caller',
    });
  });
});
