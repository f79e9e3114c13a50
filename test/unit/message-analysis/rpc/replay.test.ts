import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Event } from '../../../../gen/autosession/event/v1/event_pb.js';
import { Verdict } from '../../../../gen/autosession/message/v1/message_pb.js';
import type { IngestMessagesResponse } from '../../../../gen/autosession/message/v1/message_service_pb.js';
import { finalizeAbandoned } from '../../../../services/message-analysis/jobs/finalizer.ts';
import { SESSIONS_SINCE } from '../../../support/message-analysis/message-analysis-fakes.ts';
import {
  databases,
  type MessageAnalysisHarness,
  startMessageAnalysisHarness,
} from '../../../support/message-analysis/message-analysis-harness.ts';

/** Every fourth message is older than the session. */
const window = Array.from({ length: 24 }, (_, i) => ({
  id: `m${i}`,
  nick: i % 3 === 0 ? 't-acc' : '小店',
  content: `words ${i % 5}`,
  time: new Date(SESSIONS_SINCE + (i % 4 === 0 ? -1 : 1) * (i + 1) * 1_000).toISOString(),
}));
/** A receiver that sends the account of its window. */
const account = { accountId: 't-acc' };
const old = window.filter((_, i) => i % 4 === 0).map(({ id }) => id);

const batch = fc.subarray(window, { minLength: 1 }).chain((part) => fc.shuffledSubarray(part, { minLength: 1 }));
const failures = fc.array(fc.constantFrom('resolve', 'explain', 'apply'), { maxLength: 3 });

async function uploadUntilAnswered(
  analysis: MessageAnalysisHarness,
  messages: readonly unknown[],
): Promise<IngestMessagesResponse> {
  for (;;) {
    try {
      return await analysis.upload(messages, account);
    } catch (error) {
      if (analysis.fakes.scriptedFailures.length === 0 && !/does not answer/.test(String(error))) throw error;
    }
  }
}

/** What must hold for the whole window, in whatever batches it was uploaded. */
async function assertAllStored(
  analysis: MessageAnalysisHarness,
  answers: readonly IngestMessagesResponse[],
): Promise<void> {
  const rows = await analysis.rows();
  expect(rows.map((row) => row.message_id).sort()).toEqual(window.map(({ id }) => id).sort());
  expect(rows.map((row) => row.seq)).toEqual(window.map((_, i) => i + 1));
  expect(rows.every((row) => row.settled === 1)).toBe(true);
  const history = rows.filter((row) => row.verdict === Verdict.HISTORY).map((row) => row.message_id);
  expect(history.sort()).toEqual([...old].sort());
  assertEmittedOnce(await analysis.events());
  for (const { processedMessages, skippedMessages, messages, errors } of answers) {
    expect(processedMessages + skippedMessages).toBe(messages.length);
    expect(errors).toEqual([]);
    for (const { id, seq } of messages) expect(rows.find((row) => row.message_id === id)?.seq).toBe(seq);
  }
}

function assertEmittedOnce(events: readonly Event[]): void {
  expect(events.map(({ sourceSeq }) => sourceSeq)).toEqual(events.map((_, i) => i + 1));
  const told = events.flatMap(({ payload }) => (payload.case === 'messagesReceived' ? payload.value.messageIds : []));
  expect(told.sort()).toEqual(
    window
      .map(({ id }) => id)
      .filter((id) => !old.includes(id))
      .sort(),
  );
}

const total = (answers: readonly IngestMessagesResponse[]) =>
  answers.reduce((sum, { processedMessages }) => sum + processedMessages, 0);

describe.each(databases)('on %s', (database) => {
  const runs = database === 'SQLite' ? 40 : 6; // each run has a database of its own
  it('a window leads to the same messages, verdicts and events in any order, split and repetition of its batches', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 6 }), failures, async (batches, broken) => {
        await using analysis = await startMessageAnalysisHarness(database);
        analysis.fakes.scriptedFailures.push(...broken);
        const answers: IngestMessagesResponse[] = [];
        for (const messages of [...batches, window]) {
          answers.push(await uploadUntilAnswered(analysis, messages));
          analysis.clock.advance({ seconds: 5 });
        }
        await assertAllStored(analysis, answers);
        expect(total(answers)).toBe(window.length);
      }),
      { numRuns: runs },
    );
  });

  it('a window leads to the same messages, verdicts and events when its batches come concurrently', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 2, maxLength: 8 }), async (batches) => {
        await using analysis = await startMessageAnalysisHarness(database);
        const answers = await Promise.all([...batches, window].map((messages) => analysis.upload(messages, account)));
        await assertAllStored(analysis, answers);
      }),
      { numRuns: runs },
    );
  });

  it('a window leads to the same messages, verdicts and events when the finalizer finishes interrupted batches', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 3 }), async (batches) => {
        await using analysis = await startMessageAnalysisHarness(database);
        for (const messages of [...batches, window]) {
          analysis.fakes.scriptedFailures.push('apply');
          await analysis.upload(messages, account).catch(() => {});
          analysis.fakes.scriptedFailures.length = 0;
        }
        analysis.clock.advance({ seconds: 11 });
        await Promise.all([
          finalizeAbandoned(analysis.deps),
          finalizeAbandoned(analysis.deps),
          analysis.upload(window, account),
        ]);
        await assertAllStored(analysis, []);
      }),
      { numRuns: runs },
    );
  });
});
