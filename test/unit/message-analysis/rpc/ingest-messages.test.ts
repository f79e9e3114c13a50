import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Control, SessionState } from '../../../../gen/autosession/control/v1/control_pb.js';
import { EventSchema } from '../../../../gen/autosession/event/v1/event_pb.js';
import { MessageRole } from '../../../../gen/autosession/message/v1/message_pb.js';
import { appError, ErrorReason } from '../../../../services/lib/errors/app-error.ts';
import { IdempotencyRecord } from '../../../../services/lib/idempotency/idempotency-record.ts';
import { armFailpoint } from '../../../../services/lib/runtime/failpoints.ts';
import { finalizeAbandoned } from '../../../../services/message-analysis/jobs/finalizer.ts';
import type { MessageTables } from '../../../../services/message-analysis/store/tables.ts';
import { SESSIONS_SINCE } from '../../../support/message-analysis/message-analysis-fakes.ts';
import {
  databases,
  errorReasonOf,
  type MessageAnalysisHarness,
  startMessageAnalysisHarness,
  verdicts,
} from '../../../support/message-analysis/message-analysis-harness.ts';

const at = (seconds: number) => new Date(SESSIONS_SINCE + seconds * 1_000).toISOString();
const shop = (id: string, seconds: number, content = `shop ${id}`) => ({
  id,
  nick: '小店',
  content,
  time: at(seconds),
});
const own = (id: string, seconds: number, content = `own ${id}`) => ({ id, nick: 't-acc', content, time: at(seconds) });

describe.each(databases)('on %s', (database) => {
  let analysis: MessageAnalysisHarness;
  beforeEach(async () => {
    analysis = await startMessageAnalysisHarness(database);
    analysis.fakes.accounts.set('t-acc', 't-acc');
  });
  afterEach(() => analysis[Symbol.asyncDispose]());

  describe('a batch', () => {
    it('is stored, evaluated and reported in one event', async () => {
      const answer = await analysis.upload([shop('1', -60), own('2', 10), shop('3', 20)]);
      expect(verdicts(answer)).toEqual(['history', 'stored', 'stored']);
      expect(answer).toMatchObject({
        processedMessages: 3,
        skippedMessages: 0,
        activeSessionId: 'ses_default_1',
        state: SessionState.TRANSFERRED,
        status: Control.PENDING_MANUAL,
        sessionOperations: ['updated'],
        errors: [],
      });
      expect(answer.messages.map(({ seq }) => seq)).toEqual([1, 2, 3]);
      const rows = await analysis.rows();
      expect(rows.map((row) => [row.role, row.session_id, row.settled])).toEqual([
        [MessageRole.SHOP, null, 1],
        [MessageRole.ACCOUNT, 'ses_default_1', 1],
        [MessageRole.SHOP, 'ses_default_1', 1],
      ]);
      const events = await analysis.events();
      expect(events).toHaveLength(1);
      expect(events[0]).toMatchObject({ sessionId: 'ses_default_1', sourceSeq: 1, accountId: 't-acc' });
      expect(events[0]?.payload.value).toMatchObject({
        count: 2,
        shopCount: 1,
        accountCount: 1,
        lastSeq: 3,
        messageIds: ['2', '3'],
        status: Control.PENDING_MANUAL,
        ownerEpoch: 1,
        shopName: '小店',
      });
    });

    it('of known messages looks up its session and writes nothing', async () => {
      const window = [own('1', 1), shop('2', 2)];
      await analysis.upload(window);
      using _ = armFailpoint('db.before-commit:finalize-messages', () => {
        throw new Error('a transaction for nothing new');
      });
      const again = await analysis.upload(window);
      expect(verdicts(again)).toEqual(['duplicate', 'duplicate']);
      expect(again).toMatchObject({ processedMessages: 0, skippedMessages: 2, activeSessionId: 'ses_default_1' });
      expect(again.messages.map(({ seq }) => seq)).toEqual([1, 2]);
      expect(analysis.fakes.resolveRequests).toHaveLength(1);
      expect(analysis.fakes.applyRequests).toHaveLength(1);
      expect(await analysis.events()).toHaveLength(1);
    });

    it('of over 200 new messages is stored in order', async () => {
      const window = Array.from({ length: 1_000 }, (_, i) => shop(`m${i}`, i));
      const answer = await analysis.upload(window, { accountId: 't-acc' });
      expect(answer.processedMessages).toBe(1_000);
      expect((await analysis.rows()).map((row) => row.message_id)).toEqual(window.map(({ id }) => id));
    });

    it('without any readable element gets a response without calls to other services', async () => {
      const answer = await analysis.upload([7, null, { id: 'x' }]);
      expect(verdicts(answer)).toEqual(['invalid', 'invalid', 'invalid']);
      expect(answer.errors.map(({ id, errorCode }) => [id, errorCode])).toEqual([
        ['#0', 'INVALID_ARGUMENT'],
        ['#1', 'INVALID_ARGUMENT'],
        ['x', 'INVALID_ARGUMENT'],
      ]);
      expect(answer).toMatchObject({ processedMessages: 0, skippedMessages: 3 });
      expect(answer.activeSessionId).toBeUndefined();
      expect(analysis.fakes.resolveRequests).toHaveLength(0);
    });

    it('with an unknown account reports account_unresolved', async () => {
      const answer = await analysis.upload([shop('1', 1)]);
      expect(answer.sessionOperations).toEqual(['updated', 'account_unresolved']);
    });

    it('gets the response that a concurrent request with the same idempotency key has saved first', async () => {
      const first = await analysis.upload([shop('1', 1)], { idempotencyKey: 'k' });
      await analysis.deps.db.autocommit<MessageTables>().deleteFrom('messages').execute();
      using _ = vi.spyOn(IdempotencyRecord.prototype, 'find').mockResolvedValueOnce(undefined);
      expect(await analysis.upload([shop('1', 1)], { idempotencyKey: 'k' })).toEqual(first);
      expect(await analysis.events()).toHaveLength(1);
    });

    it('does not touch the messages of another tenant', async () => {
      await analysis.upload([shop('1', 1)]);
      const other = await analysis.upload([shop('1', 1)], { tenant: 'other' });
      expect(verdicts(other)).toEqual(['stored']);
      expect(other.activeSessionId).toBe('ses_other_2');
    });

    it('under an idempotency key gives a repeat the first response', async () => {
      const first = await analysis.upload([shop('1', 1)], { idempotencyKey: 'k' });
      const again = await analysis.upload([shop('1', 1)], { idempotencyKey: 'k' });
      expect(again).toEqual(first);
      const other = analysis.upload([shop('2', 1)], { idempotencyKey: 'k' });
      expect(await errorReasonOf(other)).toBe(ErrorReason.IDEMPOTENCY_KEY_REUSED);
    });
  });

  describe('an id with other content', () => {
    it('is a conflict once per content, and a duplicate afterwards', async () => {
      await analysis.upload([shop('1', 1, 'first')]);
      const changed = await analysis.upload([shop('1', 1, 'second')]);
      expect(verdicts(changed)).toEqual(['conflict']);
      expect(changed.errors).toMatchObject([{ id: '1', errorCode: 'CONTENT_CONFLICT' }]);
      expect(verdicts(await analysis.upload([shop('1', 1, 'second')]))).toEqual(['duplicate']);
      expect(verdicts(await analysis.upload([shop('1', 1, 'third')]))).toEqual(['conflict']);
      expect(verdicts(await analysis.upload([shop('1', 1, 'first')]))).toEqual(['duplicate']);
      expect((await analysis.rows()).map((row) => row.content)).toEqual(['first']);
    });

    it('is no conflict when the contents look the same, also with a stored revision', async () => {
      await analysis.upload([shop('1', 1, '收到👍'), own('2', 2, '您好，在吗')]);
      const seen = [shop('1', 1, '收到👍\uFE0F'), own('2', 2, '您好,在吗\r\n')];
      expect(verdicts(await analysis.upload(seen))).toEqual(['duplicate', 'duplicate']);
      expect(verdicts(await analysis.upload([shop('1', 1, '别的👍'), seen[1]]))).toEqual(['conflict', 'duplicate']);
      expect(verdicts(await analysis.upload([shop('1', 1, '别的👍\uFE0F'), seen[1]]))).toEqual([
        'duplicate',
        'duplicate',
      ]);
      expect((await analysis.rows()).map((row) => row.content)).toEqual(['收到👍', '您好，在吗']);
    });

    it('in one batch is no conflict when the contents look the same', async () => {
      const answer = await analysis.upload([
        shop('1', 1, '好！'),
        shop('1', 1, '好!'),
        shop('1', 1, 'b'),
        shop('1', 1, 'b\u200B'),
      ]);
      expect(verdicts(answer)).toEqual(['stored', 'duplicate', 'conflict', 'duplicate']);
    });

    it('is a conflict when the other side sent a content that looks the same', async () => {
      await analysis.upload([own('0', 0), shop('1', 1, '好！')]);
      expect(verdicts(await analysis.upload([own('0', 0), own('1', 1, '好!')]))).toEqual(['duplicate', 'conflict']);
    });

    it('in one batch conflicts with the first one', async () => {
      const answer = await analysis.upload([
        shop('1', 1, 'a'),
        shop('1', 1, 'a'),
        shop('1', 1, 'b'),
        shop('1', 1, 'b'),
      ]);
      expect(verdicts(answer)).toEqual(['stored', 'duplicate', 'conflict', 'duplicate']);
      expect(answer.errors).toHaveLength(1);
    });

    it('is no conflict when only the time differs, or a role that was a guess', async () => {
      await analysis.upload([{ ...shop('1', 1), nick: 'somebody' }], { platform: 'p' });
      const again = await analysis.upload([{ ...shop('1', 99), nick: 'somebody' }, own('2', 100)], { platform: 'p' });
      expect(verdicts(again)).toEqual(['duplicate', 'stored']);
    });

    it('is a conflict when the other side sends the same text under it', async () => {
      await analysis.upload([own('0', 0), shop('1', 1, 'ok')]);
      expect(verdicts(await analysis.upload([own('0', 0), own('1', 1, 'ok')]))).toEqual(['duplicate', 'conflict']);
    });
  });

  describe('receipts', () => {
    it('explain the bot’s messages and make an unknown nick the account’s', async () => {
      analysis.fakes.receipts.push({ content: 'from the bot', taskId: 'tsk_1', sessionId: 'ses_default_1' });
      await analysis.upload([
        own('1', 1, 'typed'),
        { ...shop('2', 2, 'from the bot'), nick: 'stranger' },
        shop('3', 3),
      ]);
      const request = analysis.fakes.applyRequests[0];
      expect(request?.matchedNicks).toEqual(['stranger']);
      expect(request?.messages.map((m) => [m.role, m.explained, m.afterReceiptOfSession])).toEqual([
        [MessageRole.ACCOUNT, false, ''],
        [MessageRole.ACCOUNT, true, 'ses_default_1'],
        [MessageRole.SHOP, false, 'ses_default_1'],
      ]);
      const [, matched] = await analysis.rows();
      expect(matched).toMatchObject({
        role: MessageRole.ACCOUNT,
        task_id: 'tsk_1',
        receipt_session_id: 'ses_default_1',
      });
    });

    it('of earlier batches give their session to the messages after them', async () => {
      analysis.fakes.receipts.push({ content: 'own 1', taskId: 'tsk_1', sessionId: 'ses_default_1' });
      await analysis.upload([own('1', 1)]);
      await analysis.upload([own('1', 1), shop('2', 2)]);
      expect(analysis.fakes.applyRequests[1]?.messages[0]?.afterReceiptOfSession).toBe('ses_default_1');
    });

    it('are requested with the batch’s own window, even for the shop’s messages alone', async () => {
      await analysis.upload([own('1', 1)]);
      await analysis.upload([own('1', 1), shop('2', 90)]);
      const request = analysis.fakes.explainRequests[1];
      expect(request?.messages).toEqual([]);
      expect([request?.oldestAt, request?.newestAt].map((time) => time && timestampMs(time))).toEqual([
        SESSIONS_SINCE + 1_000,
        SESSIONS_SINCE + 90_000,
      ]);
    });

    it('are not needed for messages with the bot’s prefix', async () => {
      analysis.fakes.botPrefix = '【店】';
      await analysis.upload([own('1', 1, '【店】hello'), shop('2', 2, '【店】hello')]);
      expect(analysis.fakes.applyRequests[0]?.messages.map(({ explained }) => explained)).toEqual([true, false]);
    });
  });

  describe('the position of a message in time', () => {
    it('is its neighbour’s when it carries no time', async () => {
      await analysis.upload([{ ...shop('1', 0), time: null }, shop('2', 5), { ...shop('3', 0), time: '' }]);
      const times = analysis.fakes.applyRequests[0]?.messages.map(({ sentAt }) => sentAt && timestampMs(sentAt));
      expect(times).toEqual([5, 5, 5].map((seconds) => SESSIONS_SINCE + seconds * 1_000));
    });

    it('is before the known messages after it', async () => {
      await analysis.upload([shop('2', 2)]);
      const received = (await analysis.rows())[0]?.received_at;
      await analysis.upload([shop('1', 1), shop('2', 2), shop('3', 3)]);
      const [first, third] = analysis.fakes.applyRequests[1]?.messages ?? [];
      expect([first?.messageId, first?.beforeKnown]).toEqual(['1', true]);
      expect(first?.knownReceivedAt && new Date(timestampMs(first.knownReceivedAt)).toISOString()).toBe(
        received && `${received.replace(' ', 'T')}Z`,
      );
      expect([third?.messageId, third?.beforeKnown, third?.knownReceivedAt]).toEqual(['3', false, undefined]);
    });
  });

  describe('an interrupted batch', () => {
    it('is evaluated by the types that its messages first had: a picture that was recalled since was sent nevertheless', async () => {
      const picture = { ...own('1', 1, ''), type: 'image' };
      analysis.fakes.scriptedFailures.push('apply');
      await errorReasonOf(analysis.upload([picture]));
      await analysis.upload([{ ...picture, type: 'recall' }]);
      expect(analysis.fakes.applyRequests.at(-1)?.messages).toMatchObject([{ notice: false, explained: false }]);
    });

    it.each(['resolve', 'explain', 'apply'] as const)('at %s is finished by a repeat', async (where) => {
      analysis.fakes.scriptedFailures.push(where);
      expect(await errorReasonOf(analysis.upload([own('1', 1), shop('2', 2)]))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
      const again = await analysis.upload([own('1', 1), shop('2', 2), shop('3', 3)]);
      expect(verdicts(again)).toEqual(['stored', 'stored', 'stored']);
      expect(again.processedMessages).toBe(3);
      expect((await analysis.events()).map(({ payload }) => (payload.value as { count: number }).count)).toEqual([3]);
    });

    it('is finished by the finalizer after 10 s, with the positions that its messages had', async () => {
      analysis.fakes.receipts.push({ content: 'own 2', taskId: 'tsk_1', sessionId: 'ses_default_1' });
      await analysis.upload([own('2', 2)]);
      analysis.fakes.scriptedFailures.push('apply');
      await errorReasonOf(analysis.upload([shop('1', 1), own('2', 2), { ...shop('3', 3), time: null }]));
      await finalizeAbandoned(analysis.deps);
      expect((await analysis.rows()).filter((row) => row.settled === 0)).toHaveLength(2);
      analysis.clock.advance({ seconds: 11 });
      let commits = 0;
      {
        using _ = armFailpoint('db.before-commit:finalize-messages', () => void commits++);
        await finalizeAbandoned(analysis.deps);
      }
      expect((await analysis.rows()).map((row) => row.settled)).toEqual([1, 1, 1]);
      expect(commits).toBe(1);
      const request = analysis.fakes.applyRequests.at(-1);
      expect(request?.messages.map((m) => [m.messageId, m.beforeKnown, m.afterReceiptOfSession])).toEqual([
        ['1', true, ''],
        ['3', false, 'ses_default_1'],
      ]);
      expect(request?.messages[1]?.sentAt && timestampMs(request.messages[1].sentAt)).toBe(SESSIONS_SINCE + 2_000);
      await finalizeAbandoned(analysis.deps);
      expect(await analysis.events()).toHaveLength(2);
    });

    it('between its commits is finished by a repeat, whose event is the only one', async () => {
      {
        using _ = armFailpoint('db.before-commit:finalize-messages', () => {
          throw new Error('crash');
        });
        expect(await errorReasonOf(analysis.upload([shop('1', 1)]))).toBe(ErrorReason.INTERNAL);
      }
      expect(verdicts(await analysis.upload([shop('1', 1)]))).toEqual(['stored']);
      expect((await analysis.events()).map(({ sourceSeq }) => sourceSeq)).toEqual([1]);
    });
  });

  describe('a conversation whose account is found later', () => {
    const foundBy = { accountId: 't-acc' };

    it('becomes the account’s', async () => {
      await analysis.upload([shop('1', 1), shop('2', 2)]);
      const found = await analysis.upload([shop('1', 1), shop('2', 2), shop('3', 3)], foundBy);
      expect(verdicts(found)).toEqual(['duplicate', 'duplicate', 'stored']);
      expect((await analysis.rows()).map((row) => row.seq)).toEqual([1, 2, 3]);
      const conversations = await analysis.deps.db
        .autocommit<MessageTables>()
        .selectFrom('conversations')
        .selectAll()
        .execute();
      expect(conversations).toMatchObject([{ account_key: 'acc_t-acc', account_id: 't-acc', last_seq: 3 }]);
    });

    it('has its session moved even when no message is new', async () => {
      await analysis.upload([shop('1', 1)]);
      const found = await analysis.upload([shop('1', 1)], foundBy);
      expect(verdicts(found)).toEqual(['duplicate']);
      expect(analysis.fakes.applyRequests.at(-1)).toMatchObject({ accountKey: 'acc_t-acc', messages: [] });
    });

    it('is appended to the account’s own; of a message in both, the account’s stays', async () => {
      await analysis.upload([shop('a', 1), shop('b', 2)], foundBy);
      await analysis.upload([shop('x', 3), shop('b', 2), shop('y', 4), shop('z', 5)]);
      await analysis.upload([shop('x', 3, 'other words')]);
      await analysis.upload([shop('y', 4), shop('new', 6)], foundBy);
      const rows = await analysis.rows();
      expect(rows.map((row) => [row.message_id, row.seq])).toEqual([
        ['a', 1],
        ['b', 2],
        ['x', 3],
        ['y', 4],
        ['z', 5],
        ['new', 6],
      ]);
      expect(new Set(rows.map((row) => row.conversation_id)).size).toBe(1);
      expect(verdicts(await analysis.upload([shop('x', 3, 'other words')], foundBy))).toEqual(['duplicate']);
    });
  });

  describe('the session that a conversation knows', () => {
    const sendEvent = (overrides: { version: number; status: Control; state: SessionState }) =>
      analysis.as('default', async () => {
        const session = { ...analysis.fakes.session('unknown', shopKey()), ...overrides };
        const event = create(EventSchema, { payload: { case: 'sessionChanged', value: { session } } });
        await analysis.module.eventHandlers?.sessionChanged?.(event);
      });
    const shopKey = () => analysis.fakes.applyRequests[0]?.shopKey ?? '';

    it('follows the session’s events, whatever their order', async () => {
      await analysis.upload([shop('1', 1)]);
      await sendEvent({ version: 3, status: Control.MANUAL_LIVE, state: SessionState.TRANSFERRED });
      await sendEvent({ version: 2, status: Control.BOT_ACTIVE, state: SessionState.ACTIVE });
      expect(await analysis.knownSession()).toMatchObject({ status: Control.MANUAL_LIVE });
      await sendEvent({ version: 4, status: Control.CLOSED, state: SessionState.COMPLETED });
      await sendEvent({ version: 3, status: Control.MANUAL_LIVE, state: SessionState.TRANSFERRED });
      expect(await analysis.knownSession()).toMatchObject({ status: Control.CLOSED });
    });

    it('is not an older one after a new one was opened', async () => {
      await analysis.upload([shop('1', 1)]);
      const next = { sessionId: 'ses_next', version: 1, status: Control.BOT_ACTIVE, state: SessionState.PENDING };
      await analysis.as('default', async () => {
        const base = analysis.fakes.session('unknown', shopKey());
        const session = { ...base, ...next, createdAt: timestampFromMs(SESSIONS_SINCE + 5) };
        const event = create(EventSchema, { payload: { case: 'sessionCreated', value: { session } } });
        await analysis.module.eventHandlers?.sessionCreated?.(event);
      });
      await sendEvent({ version: 9, status: Control.CLOSED, state: SessionState.TIMEOUT });
      expect(await analysis.knownSession()).toMatchObject({ sessionId: 'ses_next' });
    });
  });

  describe('the parties', () => {
    it('are resolved once while they are certain and fresh', async () => {
      await analysis.upload([own('1', 1)]);
      await analysis.upload([own('2', 2)]);
      expect(analysis.fakes.resolveRequests).toHaveLength(1);
      analysis.clock.advance({ minutes: 2 });
      await analysis.upload([own('3', 3)]);
      expect(analysis.fakes.resolveRequests).toHaveLength(2);
    });

    it('are cached only when the rows that they were read from are on disk', async () => {
      const away = appError(ErrorReason.SERVICE_UNAVAILABLE, 'away');
      using disk = vi.spyOn(analysis.deps.db, 'confirmReads').mockRejectedValueOnce(away);
      expect(await errorReasonOf(analysis.upload([own('1', 1)]))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
      await analysis.upload([own('2', 2)]);
      expect(analysis.fakes.resolveRequests).toHaveLength(2);
      await analysis.upload([own('3', 3)]);
      expect(analysis.fakes.resolveRequests).toHaveLength(2);
      expect(disk).toHaveBeenCalledTimes(2);
    });

    it.each([
      ['they depend on an open session', false, 't-acc'],
      ['a nick is unknown', true, 'stranger'],
    ])('are resolved every time when %s', async (_, stable, nick) => {
      analysis.fakes.stable = stable;
      for (const id of ['1', '2']) await analysis.upload([own('0', 0), shop('s', 0), { ...shop(id, 1), nick }]);
      expect(analysis.fakes.resolveRequests).toHaveLength(2);
    });
  });
});
