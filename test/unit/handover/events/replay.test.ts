import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Event, TaskChange } from '../../../../gen/autosession/event/v1/event_pb.js';
import { TaskStatus } from '../../../../gen/autosession/task/v1/task_pb.js';
import { commandNames, EventScript } from '../../../support/handover/event-script.ts';
import { type HandoverHarness, START, startHandoverHarness } from '../../../support/handover/handover-harness.ts';

/** A story of one session: numbers choose among what is possible there. */
const story = (sessionId: string) =>
  fc.array(fc.nat({ max: 999 }), { minLength: 1, maxLength: 25 }).map((choices) => {
    const told = new EventScript(sessionId, START, 7_000);
    told.open((['bot', 'pending', 'external'] as const)[choices[0]! % 3]);
    for (const choice of choices) {
      const possible = commandNames.filter((name) => told.accepts(name));
      if (choice % 3 === 0) told.messages(choice % 4, 1 + (choice % 4));
      else if (choice % 11 === 0) told.task(TaskChange.UNSETTLED, TaskStatus.UNKNOWN);
      else if (choice % 13 === 0) told.task(TaskChange.COMPLETED, TaskStatus.COMPLETED, 'operator');
      else if (possible.length > 0) told.command(possible[choice % possible.length]!);
    }
    return told.events;
  });

/** Two sessions' events, each session's in order. */
const history = fc.tuple(story('ses_1'), story('ses_2')).map(([one, two]) => [...one, ...two]);

/** The events in order, with events from before come again at any place. */
const withRepeats = (events: readonly Event[]) =>
  fc.array(fc.tuple(fc.nat({ max: 999 }), fc.nat({ max: 999 })), { maxLength: 30 }).map((repeats) => {
    const delivered = [...events];
    for (const [what, where] of repeats) {
      const event = events[what % events.length]!;
      const first = delivered.indexOf(event);
      delivered.splice(first + 1 + (where % (delivered.length - first)), 0, event);
    }
    return delivered;
  });

/** The rows without what names them or counts their writing. */
async function rowsOf(service: HandoverHarness) {
  const strip = (rows: object[], ...columns: string[]) =>
    rows.map((row) => JSON.stringify(Object.entries(row).filter(([column]) => !columns.includes(column)))).toSorted();
  return {
    handovers: strip(await service.rows('handovers'), 'handover_id', 'version'),
    audit: strip(await service.rows('audit_entries'), 'audit_id'),
    reminders: strip(await service.rows('reminders'), 'reminder_id'),
    deliveries: strip(await service.rows('reminder_deliveries'), 'reminder_id'),
    emitted: (await service.emitted()).map(({ sessionId, sourceSeq, payload }) => [sessionId, sourceSeq, payload.case]),
  };
}

/** What may not depend on the order: a count is of its minute, whichever message of it was seen first. */
async function countsOf(service: HandoverHarness) {
  const rows = await rowsOf(service);
  const reminders = (await service.rows('reminders')).map(({ session_id, kind, owner_epoch, minute, count }) =>
    JSON.stringify([session_id, kind, kind === 'new_messages' ? 0 : owner_epoch, minute, count]),
  );
  const emitted = rows.emitted.map(([sessionId, , type]) => `${sessionId} ${type}`).toSorted();
  return { handovers: rows.handovers, audit: rows.audit, reminders: reminders.toSorted(), emitted };
}

async function outcomeOf<T>(events: readonly Event[], read: (service: HandoverHarness) => Promise<T>): Promise<T> {
  await using service = await startHandoverHarness('SQLite');
  await service.handle(events);
  return await read(service);
}

describe('any sequence of events', () => {
  it('leads to the same rows when events are repeated', async () => {
    const cases = history.chain((events) => fc.tuple(fc.constant(events), withRepeats(events)));
    await fc.assert(
      fc.asyncProperty(cases, async ([events, delivered]) => {
        expect(await outcomeOf(delivered, rowsOf)).toEqual(await outcomeOf(events, rowsOf));
      }),
      { numRuns: 60 },
    );
  });

  it('leads to the same handovers, audit and reminders in any order', async () => {
    const cases = history.chain((events) =>
      fc.tuple(fc.constant(events), fc.shuffledSubarray([...events, ...events], { minLength: events.length * 2 })),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ([events, delivered]) => {
        expect(await outcomeOf(delivered, countsOf)).toEqual(await outcomeOf(events, countsOf));
      }),
      { numRuns: 60 },
    );
  });

  it('leaves at most one open handover per session', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (events) => {
        const open = await outcomeOf(events, async (service) =>
          (await service.rows('handovers')).filter((row) => row.ended_at === null).map((row) => row.session_id),
        );
        expect(new Set(open).size).toBe(open.length);
      }),
      { numRuns: 40 },
    );
  });
});
